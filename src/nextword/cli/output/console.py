"""Rich consoles that follow `--quiet` and `--no-color`, and the progress of a command on standard error."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import rich.console
from rich.markup import escape
from rich.progress import Progress
from rich.status import Status

from nextword.cli.output.messages import detail, invocation
from nextword.system.progress import ReadingLines, ReadingProgress, reporting_to

if TYPE_CHECKING:
    from nextword.bundle.origin_text import OriginText
    from nextword.text.encoding.token_store import TokenStore
    from nextword.text.sources.names import SplitOrAll
    from nextword.text.tokens.tokenizer import Tokenizer


class Console(rich.console.Console):
    """Rich's console, with three differences.

    It leaves a closed pipe to the command instead of ending the process with 1. With `NO_COLOR` or `--no-color` it
    writes neither colors nor bold text. Names such as `:car:` stay as they are.
    """

    def __init__(self, **options: Any) -> None:
        plain = {} if invocation().color else {"color_system": None, "no_color": True}
        super().__init__(**{"emoji": False, **options, **plain})

    def on_broken_pipe(self) -> None:
        """Fall silent, and raise the error again; the one that is being handled goes with it."""
        self.quiet = True
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


def message_console() -> Console:
    """Return a console on standard error that prints nothing if `--quiet`."""
    return Console(stderr=True, quiet=invocation().verbosity < 0)


@contextmanager
def evaluation_progress(split: str, num_tokens: int | None) -> Iterator[Callable[[int, int], None]]:
    """Show the progress of an evaluation, in a terminal only; `None` if the number of tokens is not known yet."""
    console = message_console()
    with Progress(console=console, transient=True, disable=console.quiet or not console.is_terminal) as bar:
        task = bar.add_task(f"evaluating {split}", total=num_tokens)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def reading_progress() -> Iterator[None]:
    """Show how far the reading of a large text is: by a bar in a terminal, else by a line now and then."""
    console = message_console()
    lines = ReadingLines(console.print)
    bar = Progress(console=console, transient=True)
    task = bar.add_task("", total=None)

    def show(progress: ReadingProgress) -> None:
        if console.quiet or not console.is_terminal:
            lines.report(progress)
            return
        bar.start()  # only now, since most texts are read at once
        done, total = progress.megabytes
        size = "" if progress.is_waiting else f", {done:,} MB"
        bar.update(task, description=f"{progress.doing}{size}", completed=done, total=total)

    try:
        with reporting_to(show):
            yield
    finally:
        if bar.live.is_started:
            bar.stop()


def read_split(text: "OriginText", split: "SplitOrAll", tokenizer: "Tokenizer") -> "TokenStore":
    """Return a split of a text, and show the progress; see `OriginText.load`."""
    with reading_progress():
        store = text.load(split, tokenizer)
    detail(f"read {text.source}, {split}: {store.num_tokens:,} tokens")
    return store


def waiting(doing: str) -> Status:
    """Return a block's context that shows what is being done, in a terminal only."""
    return message_console().status(escape(doing))
