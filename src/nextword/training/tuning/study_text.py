"""The text of a sweep, without its test split."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from nextword.disk.cache import cache_root
from nextword.text.corpus import joined_sha256, tokenizer_for
from nextword.text.encoding.token_store import TokenStore
from nextword.text.options import TextOptions
from nextword.text.sources.find import resolve_source
from nextword.text.tokens.tokenizer import Tokenizer


@dataclass(frozen=True)
class StudyText:
    """The training and the validation split of a text.

    The test split is never opened, and a folder need not contain it. Settings chosen by a split are fitted to it, so it
    can no longer measure how good they are.

    Attributes:
        name: Name of the sample, file or folder.
        options: The resolved text settings.
        tokenizer: The tokenizer of the ids.
        train: The ids to train on.
        valid: The ids to compare settings on.
    """

    name: str
    options: TextOptions
    tokenizer: Tokenizer
    train: TokenStore
    valid: TokenStore

    @classmethod
    def load(
        cls, text: str | Path, options: TextOptions, *, data_dir: Path | None = None, cache_dir: Path | None = None
    ) -> Self:
        """Read the two splits, from the cache if possible.

        Raises:
            SettingError: The settings do not fit together.
            TextError: The text cannot be found, read or used.
            StorageError: The cache cannot be written.
        """
        cache = cache_root(cache_dir)
        source = resolve_source(text, options, needed=("train", "valid"), data_dir=data_dir, cache_dir=cache_dir)
        options = options.resolved(pretokenized=source.pretokenized)
        tokenizer, _ = tokenizer_for(source.parts["train"], options, cache=cache)
        train, valid = (
            TokenStore.of(source.parts[split], tokenizer, cache=cache, on_bad_bytes=options.on_bad_bytes)
            for split in ("train", "valid")
        )
        options = options.replace(tokenizer=tokenizer.kind, line_ends=tokenizer.line_ends)
        return cls(source.name, options, tokenizer, train, valid)

    @property
    def sha256(self) -> str:
        """SHA-256 of the hashes of both splits, in hexadecimal."""
        return joined_sha256(self.train, self.valid)
