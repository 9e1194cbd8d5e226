"""The text of a model: one that was named, or its training text, if this machine still has it unchanged."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Lock

from nextword.bundle.origin import Origin
from nextword.errors import NextwordError, SettingError, TextError
from nextword.text.corpus import Corpus, joined_sha256
from nextword.text.encoding.token_store import TokenStore
from nextword.text.options import OnBadBytes, TextOptions
from nextword.text.reading.reader import LineReader, TextRange
from nextword.text.sources.find import has_splits, resolve_source
from nextword.text.sources.names import SPLITS, SplitOrAll, stored_name
from nextword.text.tokens.tokenizer import Tokenizer


@dataclass(frozen=True)
class OriginText:
    """A text to be read for a model. Several threads may use it."""

    origin: Origin  # the model, and the text that it was trained on
    named: str | None = None  # the text that was named; `None` for the model's own
    data_dir: Path | None = None  # a folder of sample corpora
    # What happens to bad bytes; `None` for the model's own text as in training, and strict for another.
    on_bad_bytes: OnBadBytes | None = None
    _lock: Lock = field(default_factory=Lock, init=False, repr=False, compare=False)

    @property
    def is_own(self) -> bool:
        """Whether it is the text that the model was trained on."""
        return self.named is None or (self.origin.text is not None and stored_name(self.named) == self.origin.text)

    @property
    def default_split(self) -> SplitOrAll:
        """What is read unless a split is named: the test split of the model's own text, and all of another file."""
        return "test" if self.is_own or has_splits(self.named or "", data_dir=self.data_dir) else "all"

    @property
    def source(self) -> str | None:
        """Where it is; `None` if none was named, and none is known."""
        return self.origin.text if self.is_own else self.named

    @property
    def options(self) -> TextOptions:
        """How it is read: the text of the run as in training; another one with the same field and the defaults."""
        options = self.origin.options if self.is_own else TextOptions(field=self.origin.options.field)
        return options.replace(on_bad_bytes=self.on_bad_bytes) if self.on_bad_bytes else options

    @property
    def name(self) -> str:
        """Its name, without the folders."""
        return Path(self.named or self.origin.text or "").name

    def is_readable(self) -> bool:
        """Return whether the text is there, as it was in training."""
        try:
            self._checked_source()
        except (NextwordError, OSError):
            return False
        return True

    def load(self, split: SplitOrAll, tokenizer: Tokenizer) -> TokenStore:
        """Return a split of it.

        Raises:
            SettingError: No text was given, and none is known.
            TextError: None was given, and what the model was trained on has changed since, so that its splits would
                not be those of the training run.
        """
        return Corpus.load_split(self._checked_source(), split, tokenizer, self.options, data_dir=self.data_dir)

    def lines(self, split: SplitOrAll, *, pretokenized: bool = False) -> Iterator[str]:
        """Yield the lines of a split, as they are before they become tokens."""
        part = self._part(self._checked_source(), split)
        return iter(LineReader(part, on_bad_bytes=self.options.on_bad_bytes, pretokenized=pretokenized))

    def part_of_file(self, split: SplitOrAll) -> str | None:
        """Return in words which part of a file a split is, or `None` if it is a file of its own."""
        if self.source is None:
            return None
        if split == "all":
            return f"this is all of `{self.name}`"
        part = self._part(self.source, split)
        share = part.num_bytes / TextRange.whole(part.path).num_bytes
        if share == 1:
            return None
        described = f"this is the {split} split of `{Path(part.name).name}`, {share:.1%} of it"
        return described if self.is_own else f"{described}; without --split, the whole file is read"

    def _part(self, source: str, split: SplitOrAll) -> TextRange:
        return resolve_source(source, self.options, needed=(split,), data_dir=self.data_dir).parts[split]

    def _checked_source(self) -> str:
        if self.source is None:
            raise SettingError(f"TEXT must be given: `{self.origin.bundle}` is a bundle, and does not hold its text")
        with self._lock:
            if self.named is None and self._has_changed:
                raise TextError(
                    f"`{self.source}` must be as it was when the model was trained on it, but has changed since, and "
                    "its splits with it; put it back, or name as TEXT what is to be read"
                )
        return self.source

    @cached_property
    def _has_changed(self) -> bool:
        """Whether the model's own text is another one than in training. It is hashed once, not at each use."""
        if self.source is None or self.origin.text_sha256 is None:
            return False
        parts = resolve_source(self.source, self.options, data_dir=self.data_dir).parts
        return self.origin.text_sha256 != joined_sha256(*(parts[split] for split in SPLITS))
