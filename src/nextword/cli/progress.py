"""The console of the commands, and the progress of an evaluation."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import rich.console
from rich.progress import Progress
from rich.status import Status


class Console(rich.console.Console):
    """Rich's console, which leaves a closed pipe to the command instead of ending the process with 1."""

    def on_broken_pipe(self) -> None:
        """Fall silent, and raise the error again; the one that is being handled goes with it."""
        self.quiet = True
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


@contextmanager
def evaluation_progress(split: str, num_tokens: int) -> Iterator[Callable[[int, int], None]]:
    """Show how far an evaluation has come, on standard error and on a terminal alone."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(f"evaluating {split}", total=num_tokens)
        yield lambda done, _total: bar.update(task, completed=done)


def waiting(doing: str) -> Status:
    """Return a block's context that shows what is being done, on standard error and on a terminal alone."""
    return Console(stderr=True).status(doing)
