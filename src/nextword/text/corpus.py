"""A text made ready for a language model: its tokenizer, and the ids of its three splits."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from nextword.errors import SettingError
from nextword.settings import unknown_name
from nextword.storage.cache import cache_root
from nextword.text.options import DEFAULT_OPTIONS, TextOptions
from nextword.text.reader import TextRange
from nextword.text.report import TextReport
from nextword.text.source import SPLITS, SplitName, resolve_source, resolve_whole_file
from nextword.text.token_store import TokenStore
from nextword.text.tokenizer import Tokenizer
from nextword.text.tokenizer_building import tokenizer_for


@dataclass(frozen=True)
class Corpus:
    """A text, cut and split, its ids on disk.

    Attributes:
        name: The name of the sample, file or folder.
        options: The options with every open value set, as a run records them.
        tokenizer: What made the ids.
        train: The ids to learn from; the vocabulary was built from this split alone.
        valid: The ids that decide when to stop.
        test: The ids that nothing is decided by.
        report: What was met in the text.
    """

    name: str
    options: TextOptions
    tokenizer: Tokenizer
    train: TokenStore
    valid: TokenStore
    test: TokenStore
    report: TextReport

    @classmethod
    def load(
        cls,
        text: str | Path,
        options: TextOptions = DEFAULT_OPTIONS,
        *,
        tokenizer: Tokenizer | None = None,
        data_dir: Path | None = None,
        cache_dir: Path | None = None,
    ) -> Self:
        """Read a text, or what the cache holds of it.

        Args:
            text: A file, a folder with train, valid and test files, or a sample: austen, ptb, wikitext-2.
            options: How to read it.
            tokenizer: That of a model to be applied to this text; unless given, one is made from the training split.
            data_dir: A folder with samples in it; else the variable `NEXTWORD_DATA` is asked.
            cache_dir: Where to keep derived files; else `NEXTWORD_CACHE`, else the user's cache folder.

        Raises:
            SettingError: The options do not go together.
            TextError: The text cannot be found, read or used.
            StorageError: The cache cannot be written.
        """
        cache = cache_root(cache_dir)
        source = resolve_source(text, options, data_dir=data_dir, cache_dir=cache_dir)
        if tokenizer is None:
            options = options.resolved(pretokenized=source.pretokenized)
            tokenizer = tokenizer_for(source.parts["train"], options, cache=cache)
            how_cut = _how_cut(tokenizer, is_chosen=options.line_ends == "auto")
        else:
            how_cut = _how_cut(tokenizer, is_chosen=False)
        stores = {
            split: TokenStore.of(part, tokenizer, cache=cache, on_bad_bytes=options.on_bad_bytes)
            for split, part in source.parts.items()
        }
        return cls(
            name=source.name,
            options=options.replace(tokenizer=tokenizer.kind, line_ends=tokenizer.line_ends),
            tokenizer=tokenizer,
            train=stores["train"],
            valid=stores["valid"],
            test=stores["test"],
            report=TextReport(source.how_split, how_cut, {split: stores[split].report for split in SPLITS}),
        )

    @staticmethod
    def load_split(
        text: str | Path,
        split: Literal["train", "valid", "test", "all"],
        tokenizer: Tokenizer,
        options: TextOptions = DEFAULT_OPTIONS,
        *,
        data_dir: Path | None = None,
        cache_dir: Path | None = None,
    ) -> TokenStore:
        """Read one split of a text for a model that exists; the text may lack the others.

        Args:
            text: As for `load`.
            split: Which; "all" for a file that is not to be split.
            tokenizer: The model's.
            options: How to split a lone file, and what to do with bad bytes.
            data_dir: As for `load`.
            cache_dir: As for `load`.

        Raises:
            SettingError: There is no split of that name.
            TextError: The text cannot be found, read or used.
            StorageError: The cache cannot be written.
        """
        if split == "all":
            part = resolve_whole_file(text, data_dir=data_dir, cache_dir=cache_dir)
        else:
            _check_split(split)
            source = resolve_source(text, options, needed=(split,), data_dir=data_dir, cache_dir=cache_dir)
            part = source.parts[split]
        return TokenStore.of(part, tokenizer, cache=cache_root(cache_dir), on_bad_bytes=options.on_bad_bytes)

    @property
    def how_split(self) -> str:
        """How the text was split, in one sentence."""
        return self.report.how_split

    @property
    def sha256(self) -> str:
        """SHA-256, in hexadecimal, of the three splits' own."""
        return joined_sha256(self.train, self.valid, self.test)

    @property
    def sha256_without_test(self) -> str:
        """SHA-256, in hexadecimal, of training and validation split, by which a sweep knows its text."""
        return joined_sha256(self.train, self.valid)

    def split(self, name: SplitName) -> TokenStore:
        """Return the split of this name.

        Raises:
            SettingError: There is none.
        """
        _check_split(name)
        return {"train": self.train, "valid": self.valid, "test": self.test}[name]


def joined_sha256(*splits: TokenStore | TextRange) -> str:
    """Return the SHA-256, in hexadecimal, of those of some splits."""
    return hashlib.sha256(" ".join(split.sha256 for split in splits).encode("ascii")).hexdigest()


def _check_split(name: str) -> None:
    if name not in SPLITS:
        raise SettingError(unknown_name("split", name, SPLITS))


def _how_cut(tokenizer: Tokenizer, *, is_chosen: bool) -> str:
    reason = " (chosen by the look of the training text)" if is_chosen else ""
    return (
        f"cut by the {tokenizer.kind} tokenizer into a vocabulary of {tokenizer.vocabulary_size:,}, <eos> standing for "
        f"the end of a {tokenizer.line_ends}{reason}"
    )
