"""The text of a sweep, without its test split."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from nextword.storage.cache import cache_root
from nextword.text.corpus import joined_sha256, tokenizer_for
from nextword.text.options import TextOptions
from nextword.text.source import resolve_source
from nextword.text.token_store import TokenStore
from nextword.text.tokenizer import Tokenizer


@dataclass(frozen=True)
class StudyText:
    """The training and the validation split of a text.

    The test split is never opened, and a folder may lack it: whoever picks the best of many settings by a split has
    fitted them to it, so that it can no longer tell how good they are.

    Attributes:
        name: The name of the sample, file or folder.
        options: The options with every open value set.
        tokenizer: What made the ids.
        train: The ids to learn from.
        valid: The ids by which settings are compared.
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
        """Read the two splits, or what the cache holds of them.

        Raises:
            SettingError: The options do not go together.
            TextError: The text cannot be found, read or used.
            StorageError: The cache cannot be written.
        """
        cache = cache_root(cache_dir)
        source = resolve_source(text, options, needed=("train", "valid"), data_dir=data_dir, cache_dir=cache_dir)
        options = options.resolved(pretokenized=source.pretokenized)
        tokenizer = tokenizer_for(source.parts["train"], options, cache=cache)
        train, valid = (
            TokenStore.of(source.parts[split], tokenizer, cache=cache, on_bad_bytes=options.on_bad_bytes)
            for split in ("train", "valid")
        )
        options = options.replace(tokenizer=tokenizer.kind, line_ends=tokenizer.line_ends)
        return cls(source.name, options, tokenizer, train, valid)

    @property
    def sha256(self) -> str:
        """SHA-256, in hexadecimal, of the two splits' own."""
        return joined_sha256(self.train, self.valid)
