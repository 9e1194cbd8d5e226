"""A text prepared for a language model: its tokenizer, and the token ids of its three splits."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from nextword.errors import SettingError
from nextword.settings import unknown_name
from nextword.system.cache import cache_root
from nextword.text.encoding.token_store import TokenStore, encode, encode_new
from nextword.text.options import DEFAULT_OPTIONS, TextOptions
from nextword.text.reading.reader import TextRange
from nextword.text.reading.report import TextReport
from nextword.text.sources.find import TextLike, resolve_source
from nextword.text.sources.names import SPLITS, SplitName, SplitOrAll
from nextword.text.tokens.tokenizer import Tokenizer


@dataclass(frozen=True)
class Corpus:
    """A text as token ids on disk, in three splits.

    Attributes:
        name: The name of the sample, file or folder; `text` for a text that was in memory.
        stored_name: The name by which the text is found again from any folder; a text that was in memory is in the
            cache.
        options: The options with all defaults filled in, as a run records them.
        tokenizer: The tokenizer that made the ids.
        train: The training split; the vocabulary was built from it alone.
        valid: The validation split, which decides when to stop.
        test: The test split, which decides nothing.
        report: What was found in the text.

    Example:
        >>> import nextword
        >>> corpus = nextword.Corpus.load(["She was very much obliged.", "He was not."] * 200)
        >>> corpus.tokenizer.vocabulary_size, corpus.train.num_tokens > corpus.test.num_tokens
        (10, True)
    """

    name: str
    stored_name: str
    options: TextOptions
    tokenizer: Tokenizer
    train: TokenStore
    valid: TokenStore
    test: TokenStore
    report: TextReport

    @classmethod
    def load(
        cls,
        text: TextLike,
        options: TextOptions = DEFAULT_OPTIONS,
        *,
        field: str | None = None,
        tokenizer: Tokenizer | None = None,
        base: Tokenizer | None = None,
        data_dir: Path | None = None,
        cache_dir: Path | None = None,
    ) -> Self:
        """Read a text, or what the cache holds of it.

        A text without splits is split by bytes in its own order, as the options say.

        Args:
            text: One of
                - a file of plain text, JSON Lines, CSV or Parquet, packed with gzip, zstd, bzip2 or xz or not;
                - several files: a pattern such as `"mail/*.txt"`, or a list of `Path`;
                - a folder with .txt or .jsonl files for train, valid and test, or with any number of .txt and .md
                  files, which are read as one text;
                - the name of a sample: austen, ptb, wikitext-2;
                - an iterable of strings, or of mappings that hold a string under the key `field`;
                - a mapping from train, valid (or validation) and test to such iterables, for example a `DatasetDict`
                  of the library `datasets`.
            options: How to read it.
            field: Field that holds the text; overrides `options.field`.
            tokenizer: The tokenizer of a model that this text is for; by default, one is made from the training split,
                of the kind that `options` name.
            base: The tokenizer of a model that training starts from: its words are kept, and the words of this text
                are added.
            data_dir: A folder with samples in it; by default, the one that the variable `NEXTWORD_DATA` names.
            cache_dir: Where to keep derived files; by default `NEXTWORD_CACHE`, else the user's cache folder.

        Raises:
            SettingError: The options do not go together, or `tokenizer` is no tokenizer.
            TextError: The text cannot be found, read or used.
            StorageError: The cache cannot be written.

        Example:
            >>> Corpus.load("notes.jsonl.gz", field="body")  # doctest: +SKIP
            >>> Corpus.load(["It is a truth", "universally acknowledged"])  # doctest: +SKIP
            >>> Corpus.load(datasets.load_dataset("imdb")["train"])  # doctest: +SKIP
        """
        if tokenizer is not None:
            _check_tokenizer(tokenizer)
        options = options if field is None else options.replace(field=field)
        cache = cache_root(cache_dir)
        source = resolve_source(text, options, data_dir=data_dir, cache_dir=cache_dir)
        is_chosen = False
        if tokenizer is None:
            options = options.resolved(pretokenized=source.pretokenized)
            known = None if base is None else base.vocabulary
            is_chosen = options.line_ends == "auto"
            stores, tokenizer, is_close = encode_new(source.parts, options, cache=cache, base=known)
        else:
            stores, _, is_close = encode(source.parts, tokenizer, cache=cache, on_bad_bytes=options.on_bad_bytes)
        return cls(
            name=source.name,
            stored_name=source.stored_name,
            options=options.replace(tokenizer=tokenizer.kind, line_ends=tokenizer.line_ends),
            tokenizer=tokenizer,
            train=stores["train"],
            valid=stores["valid"],
            test=stores["test"],
            report=TextReport(
                source.how_split,
                _how_cut(tokenizer, is_chosen=is_chosen),
                {split: stores[split].report for split in SPLITS},
                source.left,
                _LINE_ENDS[tokenizer.line_ends] if is_chosen and is_close else "",
            ),
        )

    @staticmethod
    def load_split(
        text: TextLike,
        split: SplitOrAll,
        tokenizer: Tokenizer,
        options: TextOptions = DEFAULT_OPTIONS,
        *,
        data_dir: Path | None = None,
        cache_dir: Path | None = None,
    ) -> TokenStore:
        """Read one split of a text for an existing model; the text may lack the others.

        Args:
            text: As for `load`.
            split: Name of the split; "all" for a text that must not be split.
            tokenizer: The tokenizer of the model.
            options: How to split a text without splits, which field to read, and what to do with bad bytes.
            data_dir: As for `load`.
            cache_dir: As for `load`.

        Raises:
            SettingError: There is no split of that name, or `tokenizer` is no tokenizer.
            TextError: The text cannot be found, read or used.
            StorageError: The cache cannot be written.
        """
        _check_tokenizer(tokenizer)
        if split != "all":
            _check_split(split)
        source = resolve_source(text, options, needed=(split,), data_dir=data_dir, cache_dir=cache_dir)
        cache = cache_root(cache_dir)
        parts = {split: source.parts[split]}
        return encode(parts, tokenizer, cache=cache, on_bad_bytes=options.on_bad_bytes).stores[split]

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name} {self.split(name).num_tokens:,}" for name in SPLITS)
        return f"Corpus({self.name!r}, {sizes} tokens, {self.tokenizer.summary})"

    @property
    def sha256(self) -> str:
        """SHA-256, in hexadecimal, over the SHA-256 digests of the three splits."""
        return joined_sha256(self.train, self.valid, self.test)

    def split(self, name: SplitName) -> TokenStore:
        """Return the split of this name.

        Raises:
            SettingError: There is no such split.
        """
        _check_split(name)
        return {"train": self.train, "valid": self.valid, "test": self.test}[name]


def joined_sha256(*splits: TokenStore | TextRange) -> str:
    """Return the SHA-256, in hexadecimal, over the SHA-256 digests of some splits."""
    return hashlib.sha256(" ".join(split.sha256 for split in splits).encode("ascii")).hexdigest()


def _check_tokenizer(tokenizer: object) -> None:
    if not isinstance(tokenizer, Tokenizer):
        raise SettingError(
            f"`tokenizer` must be a `Tokenizer`, such as `model.tokenizer`, but is {tokenizer!r}; to name a kind of "
            "tokenizer, give options: TextOptions(tokenizer=...)"
        )


def _check_split(name: str) -> None:
    if name not in SPLITS:
        raise SettingError(unknown_name("split", name, SPLITS))


_LINE_ENDS = {
    "line": "<eos> stands for the end of a line; for prose with wrapped lines, use --line-ends paragraph",
    "paragraph": "<eos> stands for the end of a paragraph; for verse, use --line-ends line",
}


def _how_cut(tokenizer: Tokenizer, *, is_chosen: bool) -> str:
    reason = " (chosen from the training text)" if is_chosen else ""
    return (
        f"cut by the {tokenizer.kind} tokenizer, vocabulary of {tokenizer.vocabulary_size:,}; <eos> stands for "
        f"the end of a {tokenizer.line_ends}{reason}"
    )
