"""The text that a command reads: one that was named, or that of the run it is pointed at."""

from functools import cache
from pathlib import Path

from nextword.cli.target import SplitOrAll, Target
from nextword.errors import SettingError, TextError
from nextword.text.corpus import Corpus, joined_sha256
from nextword.text.options import TextOptions
from nextword.text.reader import TextRange
from nextword.text.source import SPLITS, resolve_source, stored_name
from nextword.text.token_store import TokenStore
from nextword.text.tokenizer import Tokenizer


def text_read(target: Target, text: str | None) -> tuple[str | None, TextOptions]:
    """Return what is read where `text` is named, and how: the model's own is split as it was in training."""
    is_own = text is None or (target.text is not None and stored_name(text) == target.text)
    named, options = (target.text, target.options) if is_own else (text, TextOptions())
    return named, options.replace(on_bad_bytes=target.on_bad_bytes) if target.on_bad_bytes else options


def load_split(
    target: Target, text: str | None, split: SplitOrAll, tokenizer: Tokenizer, data_dir: Path | None
) -> TokenStore:
    """Return a split of `text`, or of the text that the model was trained on.

    Raises:
        SettingError: No text was given, and none is known.
        TextError: None was given, and what the model was trained on has changed since, so that its splits would
            not be those of the training.
    """
    source, options = text_read(target, text)
    if source is None:
        raise SettingError(f"TEXT must be given: `{target.bundle}` is a bundle, and does not hold its text")
    if text is None and target.text_sha256 is not None:
        _require_unchanged(source, options, target.text_sha256, data_dir)
    return Corpus.load_split(source, split, tokenizer, options, data_dir=data_dir)


def part_of_file(target: Target, text: str | None, split: SplitOrAll, data_dir: Path | None) -> str | None:
    """Return in words which part of a file `load_split` reads, or `None` where it reads all of one."""
    source, options = text_read(target, text)
    if source is None or split == "all":
        return None
    part = resolve_source(source, options, needed=(split,), data_dir=data_dir).parts[split]
    share = part.num_bytes / TextRange.whole(part.path).num_bytes
    if share == 1:
        return None
    said = f"read was the {split} split of `{part.path.name}`, {share:.1%} of it"
    return said if source == target.text else f"{said}; --split all reads the whole file"


@cache
def _require_unchanged(text: str, options: TextOptions, sha256: str, data_dir: Path | None) -> None:
    parts = resolve_source(text, options, data_dir=data_dir).parts
    train, valid, test = (parts[split] for split in SPLITS)
    if sha256 not in (joined_sha256(train, valid, test), joined_sha256(train, valid)):  # trials know no test split
        raise TextError(
            f"`{text}` must be as it was when the model was trained on it, but has changed since, and its splits with "
            "it; put it back, or name as TEXT what is to be read"
        )
