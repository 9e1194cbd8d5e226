"""The text that a model was trained on, if this machine still has it unchanged."""

import tomllib
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Any

from nextword.bundle.samples import sample_model_name
from nextword.bundle.store import CONFIG_FILE
from nextword.display.page.passage import MOST_CHARACTERS, passage_of
from nextword.errors import NextwordError, TextError
from nextword.text.batching.window import TokenIds
from nextword.text.corpus import Corpus, joined_sha256
from nextword.text.options import TextOptions
from nextword.text.reading.reader import LineReader
from nextword.text.sources.find import TextSource, resolve_source
from nextword.text.sources.names import SPLITS
from nextword.text.tokens.tokenizer import Tokenizer

_MAX_CONFIG_BYTES = 2**20


@dataclass(frozen=True)
class ModelText:
    """The text of a model, and the run that trained it.

    Attributes:
        source: Where the text is; `None` if that is not known.
        options: How it was read.
        sha256: What it was then; `None` for a sample, which does not change.
        run: The directory of the run; `None` if the model is not in one.
    """

    source: str | None = None
    options: TextOptions = TextOptions()
    sha256: str | None = None
    run: Path | None = None
    _lock: Lock = field(default_factory=Lock, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, path: Path) -> "ModelText":
        """Return the text of what is at a path: a run, a bundle, or a sample model. A damaged run has none.

        Args:
            path: The directory of a run or a bundle.
        """
        if sample := sample_model_name(path):
            return cls(source=sample)
        run = next((folder for folder in (path, path.resolve().parent) if (folder / CONFIG_FILE).is_file()), None)
        if run is None:
            return cls()
        try:
            tables = _read_config(run / CONFIG_FILE)
            origin = tables.get("origin", {})
            source, sha256 = origin.get("text_path"), origin.get("text_sha256")
            return cls(source, TextOptions.from_table(tables.get("text", {})), sha256, run)
        except (OSError, ValueError, AttributeError, TypeError, NextwordError):
            return cls(run=run)

    def is_readable(self) -> bool:
        """Return whether the text is there, as it was in training."""
        try:
            self._unchanged()
        except (NextwordError, OSError):
            return False
        return True

    def training_ids(self, tokenizer: Tokenizer) -> TokenIds:
        """Return the ids of the training split.

        Raises:
            NextwordError: The text is not there, has changed, or cannot be read.
        """
        source = self._unchanged()
        return Corpus.load_split(source, "train", tokenizer, self.options).ids

    def passage(self) -> str | None:
        """Return a page of text from the beginning of the test split; `None` if it cannot be read."""
        try:
            source = resolve_source(self._unchanged(), self.options, needed=("test",))
            lines = LineReader(source.parts["test"], on_bad_bytes=self.options.on_bad_bytes)
            return passage_of(islice(lines, MOST_CHARACTERS)) or None
        except (NextwordError, OSError):
            return None

    def _unchanged(self) -> str:
        if self.source is None:
            raise TextError("the text of the model must be known, but is not; serve the directory of its run")
        with self._lock:
            if self._has_changed:
                raise TextError(f"`{self.source}` must be as it was in training, but has changed since; put it back")
        return self.source

    @cached_property
    def _has_changed(self) -> bool:
        """Whether the text is another one than in training. The whole text is hashed once for each model, not again."""
        if self.source is None or self.sha256 is None:
            return False
        source: TextSource = resolve_source(self.source, self.options)
        train, valid, test = (source.parts[split] for split in SPLITS)
        return all(self.sha256 != joined_sha256(*parts) for parts in ((train, valid, test), (train, valid)))


def _read_config(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return tomllib.loads(file.read(_MAX_CONFIG_BYTES).decode("utf-8"))
