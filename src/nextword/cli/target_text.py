"""The text that a command reads: one that was named, or that of the run it is pointed at."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from nextword.cli.options.target import SplitOrAll, Target
from nextword.cli.output.messages import detail
from nextword.cli.output.progress import reading_progress
from nextword.errors import SettingError, TextError
from nextword.text.corpus import Corpus, joined_sha256
from nextword.text.encoding.token_store import TokenStore
from nextword.text.options import OnBadBytes, TextOptions
from nextword.text.reading.reader import LineReader, TextRange
from nextword.text.sources.find import has_splits, resolve_source
from nextword.text.sources.names import SPLITS, stored_name
from nextword.text.tokens.tokenizer import Tokenizer


@dataclass(frozen=True)
class TargetText:
    """The text that a command reads, and the model that it is for.

    Attributes:
        target: The model, and the text that it was trained on.
        named: The text that was named; `None` for the model's own.
        data_dir: A folder of sample corpora.
        on_bad_bytes: What bad bytes come to; `None` for the model's own text as in training, and strict for another.
    """

    target: Target
    named: str | None
    data_dir: Path | None
    on_bad_bytes: OnBadBytes | None

    @property
    def is_own(self) -> bool:
        """Whether it is the text that the model was trained on."""
        return self.named is None or (self.target.text is not None and stored_name(self.named) == self.target.text)

    @property
    def default_split(self) -> SplitOrAll:
        """What is read unless a split is named: the test split of the model's own text, and all of another file."""
        return "test" if self.is_own or has_splits(self.named or "", data_dir=self.data_dir) else "all"

    @property
    def source(self) -> str | None:
        """Where it is; `None` if none was named, and none is known."""
        return self.target.text if self.is_own else self.named

    @property
    def options(self) -> TextOptions:
        """How it is read: the text of the run as in training; another one with the same field and the defaults."""
        options = self.target.options if self.is_own else TextOptions(field=self.target.options.field)
        return options.replace(on_bad_bytes=self.on_bad_bytes) if self.on_bad_bytes else options

    @property
    def name(self) -> str:
        """Its name, without the folders."""
        return Path(self.named or self.target.text or "").name

    def load(self, split: SplitOrAll, tokenizer: Tokenizer) -> TokenStore:
        """Return a split of it.

        Raises:
            SettingError: No text was given, and none is known.
            TextError: None was given, and what the model was trained on has changed since, so that its splits would
                not be those of the training run.
        """
        source = self._checked_source()
        with reading_progress():
            store = Corpus.load_split(source, split, tokenizer, self.options, data_dir=self.data_dir)
        detail(f"read {source}, {split}: {store.num_tokens:,} tokens")
        return store

    def lines(self, split: SplitOrAll, tokenizer: Tokenizer) -> list[str]:
        """Return the lines of a split, as they are before they become tokens.

        Raises:
            SettingError: As for `load`.
            TextError: As for `load`, or the text cannot be read.
        """
        source, options = self._checked_source(), self.options
        part = resolve_source(source, options, needed=(split,), data_dir=self.data_dir).parts[split]
        pretokenized = tokenizer.kind == "pretokenized"
        return list(LineReader(part, on_bad_bytes=options.on_bad_bytes, pretokenized=pretokenized))

    def _checked_source(self) -> str:
        if self.source is None:
            raise SettingError(f"TEXT must be given: `{self.target.bundle}` is a bundle, and does not hold its text")
        if self.named is None and self.target.text_sha256 is not None:
            _require_unchanged(self.source, self.options, self.target.text_sha256, self.data_dir)
        return self.source

    def part_of_file(self, split: SplitOrAll) -> str | None:
        """Return in words which part of a file a split is, or `None` if it is a file of its own."""
        if self.source is None:
            return None
        if split == "all":
            return f"this is all of `{self.name}`"
        part = resolve_source(self.source, self.options, needed=(split,), data_dir=self.data_dir).parts[split]
        share = part.num_bytes / TextRange.whole(part.path).num_bytes
        if share == 1:
            return None
        said = f"this is the {split} split of `{Path(part.name).name}`, {share:.1%} of it"
        return said if self.is_own else f"{said}; without --split, the whole file is read"


@cache
def _require_unchanged(text: str, options: TextOptions, sha256: str, data_dir: Path | None) -> None:
    parts = resolve_source(text, options, data_dir=data_dir).parts
    train, valid, test = (parts[split] for split in SPLITS)
    if sha256 not in (joined_sha256(train, valid, test), joined_sha256(train, valid)):  # trials know no test split
        raise TextError(
            f"`{text}` must be as it was when the model was trained on it, but has changed since, and its splits with "
            "it; put it back, or name as TEXT what is to be read"
        )
