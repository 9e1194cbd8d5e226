"""Progress of a command, on standard error."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import Progress
from rich.status import Status

from nextword.cli.console import message_console


@contextmanager
def evaluation_progress(split: str, num_tokens: int | None) -> Iterator[Callable[[int, int], None]]:
    """Show the progress of an evaluation, in a terminal only; `None` if the number of tokens is not known yet."""
    console = message_console()
    with Progress(console=console, transient=True, disable=console.quiet or not console.is_terminal) as bar:
        task = bar.add_task(f"evaluating {split}", total=num_tokens)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def waiting(doing: str) -> Status:
    """Return a block's context that shows what is being done, in a terminal only."""
    return message_console().status(doing)
