"""A bar on the terminal while a split is evaluated."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import Progress

from nextword.cli.console import Console


@contextmanager
def evaluation_progress(split: str, num_tokens: int) -> Iterator[Callable[[int, int], None]]:
    """Show how far an evaluation has come, on standard error and on a terminal alone."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(f"evaluating {split}", total=num_tokens)
        yield lambda done, _total: bar.update(task, completed=done)


@contextmanager
def waiting(doing: str) -> Iterator[None]:
    """Show what is being done for as long as it takes, on standard error and on a terminal alone."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(doing):
        yield
