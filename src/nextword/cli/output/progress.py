"""Progress of a command, on standard error."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import Progress
from rich.status import Status

from nextword.cli.output.console import message_console
from nextword.cli.output.messages import detail
from nextword.text.reading.progress import ReadingLines, ReadingProgress, reporting_to

if TYPE_CHECKING:
    from nextword.bundle.origin_text import OriginText
    from nextword.text.encoding.token_store import TokenStore
    from nextword.text.sources.names import SplitOrAll
    from nextword.text.tokens.tokenizer import Tokenizer


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
        bar.update(task, description=f"{progress.doing}, {done:,} MB", completed=done, total=total)

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
    return message_console().status(doing)
