"""The page that `nextword export --html` writes, and what it is made of."""

from itertools import islice
from pathlib import Path
from typing import Any

from nextword.bundle.bundle import Bundle
from nextword.bundle.run_directory import RunDirectory
from nextword.bundle.run_files import LOG_FILE, read_split_metrics
from nextword.bundle.store import identity_of, read_bundle
from nextword.cli.output.messages import say
from nextword.cli.target_text import TargetText
from nextword.display.page.bigrams import BigramTable
from nextword.display.page.html_file import require_replaceable, write_html
from nextword.display.page.page_facts import PageFacts, read_curve
from nextword.display.page.passage import MOST_CHARACTERS, passage_of
from nextword.errors import TextError
from nextword.text.reading.reader import LineReader
from nextword.text.sources.find import resolve_source


class PageExport:
    """Writes the page of a model.

    Args:
        path: The HTML file.
        text: The model, and its training text if that is known.
        run_or_model: The directory of the run or of the model.
        with_passage: Whether to put a passage of the test split into the page.

    Attributes:
        has_bigrams: Whether the page has the bigrams of the training text.

    Raises:
        StorageError: Another file is at `path`.
    """

    def __init__(self, path: Path, text: TargetText, run_or_model: Path, *, with_passage: bool) -> None:
        require_replaceable(path)
        self._path = path
        self._text = text
        self._run = RunDirectory(run_or_model)
        self._with_passage = with_passage
        self._num_bytes = 0
        self.has_bigrams = False

    def write(self) -> None:
        """Write the page.

        Raises:
            ExportError: The model cannot run in a page; the message has the reason.
            SettingError: A passage needs a text, but none is known.
            StorageError: Another file is there, or the disk refused.
            TextError: The text that the passage comes from cannot be read.
        """
        bundle = read_bundle(self._text.target.bundle)
        passage = self._passage() if self._with_passage else None
        bigrams = self._bigrams(bundle)
        self.has_bigrams = bigrams is not None
        self._num_bytes = write_html(self._path, bundle, bigrams=bigrams, passage=passage, facts=self._facts(bundle))

    @property
    def described(self) -> str:
        """What was written, and how to open it."""
        address = self._path.resolve().as_uri()
        lines = [
            f"page: {self._path}, {self._num_bytes / 1e6:.1f} MB",
            f"open: double-click the file, or enter {address} in a browser; it needs no network",
        ]
        if not self._with_passage and self._text.source is not None:
            lines.append("passage: none; `--passage` adds held-out text to read and to guess")
        return "\n".join(lines)

    def to_table(self) -> dict[str, Any]:
        """Return what was written, for JSON."""
        return {
            "html": str(self._path),
            "html_bytes": self._num_bytes,
            "has_bigrams": self.has_bigrams,
            "has_passage": self._with_passage,
        }

    def _facts(self, bundle: Bundle) -> PageFacts:
        model_hash = identity_of(self._text.target.bundle).split()[-1]
        if not self._run.is_run:
            return PageFacts.of(bundle, model_hash=model_hash)
        metrics, curve = read_split_metrics(self._run.metrics_file), read_curve(self._run.root / LOG_FILE)
        return PageFacts.of(bundle, metrics=metrics, curve=curve, model_hash=model_hash)

    def _bigrams(self, bundle: Bundle) -> BigramTable | None:
        """Return the bigrams of the training text, if it can be read."""
        if self._text.source is None:
            say("The training text is not known; the page has no bigrams. Name it as TEXT to have them.")
            return None
        try:
            ids = self._text.load("train", bundle.tokenizer).ids
        except TextError as error:
            if self._text.named is not None:
                raise
            say(f"The page has no bigrams: {error}")
            return None
        return BigramTable.of_words(ids, bundle.tokenizer)

    def _passage(self) -> str:
        text = self._text
        if text.source is None:
            raise TextError(
                f"`--passage` needs a text, but `{text.target.bundle}` is a bundle, and does not hold its text; name "
                "the text as TEXT"
            )
        source = resolve_source(text.source, text.options, needed=("test",), data_dir=text.data_dir)
        lines = LineReader(source.parts["test"], on_bad_bytes=text.options.on_bad_bytes)
        return passage_of(islice(lines, MOST_CHARACTERS))
