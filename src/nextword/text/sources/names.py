"""How texts, their splits and their files are called: in messages, in folders, in runs, and where they are found again.

A folder has a file for each split, or any number of text files that are one text. A mapping has a key for each split.
"""

import glob
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, get_args

from nextword.system.cache import entry_kind
from nextword.text.reading.packing import PACKED_SUFFIXES, bare_name
from nextword.text.sources.samples import SAMPLES

SplitName = Literal["train", "valid", "test"]
SPLITS: tuple[SplitName, ...] = get_args(SplitName)

SplitOrAll = Literal["train", "valid", "test", "all"]
"""A split, or all of a text that is not to be split."""

SPLIT_NAMES: Mapping[SplitName, tuple[str, ...]] = {
    "train": ("train",),
    "valid": ("valid", "validation", "val", "dev"),
    "test": ("test",),
}
"""The names that each split may have, as a file of a folder and as a key of a mapping, first choice first."""

JSON_LINES_SUFFIXES = (".jsonl", ".ndjson")

IN_MEMORY = "text"
"""The name of a text that a program holds in memory."""

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_NEAR = 0.75  # how similar, from 0 to 1, a name must be to one that a user typed to be suggested instead


@dataclass(frozen=True)
class Layout:
    """The file names of a kind of folder.

    Attributes:
        names: The names that each split's file may have, first choice first; or packed, with one of `PACKED_SUFFIXES`.
        pretokenized: Whether such files hold tokens between spaces.
    """

    names: Mapping[SplitName, Sequence[str]]
    pretokenized: bool = False

    def files(self, folder: Path, splits: Sequence[SplitName]) -> dict[SplitName, Path]:
        """Return the file of each split that a folder has, packed or not."""
        paths = {
            split: [folder / f"{name}{suffix}" for name in self.names[split] for suffix in ("", *PACKED_SUFFIXES)]
            for split in splits
        }
        found = {split: next((path for path in paths[split] if path.is_file()), None) for split in splits}
        return {split: path for split, path in found.items() if path is not None}

    def listing(self, splits: Sequence[SplitName]) -> str:
        """Return in words which files it needs."""
        return ", ".join("|".join(self.names[split]) for split in splits)


def _layout(*suffixes: str) -> Layout:
    names = {split: [f"{name}{suffix}" for name in SPLIT_NAMES[split] for suffix in suffixes] for split in SPLITS}
    return Layout(names)


LAYOUTS = (
    Layout({split: (f"ptb.{split}.txt",) for split in SPLITS}, pretokenized=True),
    Layout({split: (f"wiki.{split}.tokens",) for split in SPLITS}, pretokenized=True),
    _layout(".txt"),
    _layout(*JSON_LINES_SUFFIXES),
)


def best_layout(folder: Path, splits: Sequence[SplitName]) -> Layout:
    """Return the layout of which a folder lacks fewest splits."""
    return max(LAYOUTS, key=lambda layout: len(layout.files(folder, splits)))


def has_split_files(folder: Path) -> bool:
    """Return whether a folder has a file that is named like a split."""
    return any(layout.files(folder, SPLITS) for layout in LAYOUTS)


def is_known_as_pretokenized(path: Path) -> bool:
    """Return whether a file has the name of a file of a corpus whose tokens are between spaces, packed or not."""
    name = bare_name(path.name)
    return any(name in names for layout in LAYOUTS if layout.pretokenized for names in layout.names.values())


def is_url(text: str) -> bool:
    """Return whether a text is named by an address, which no text can be."""
    return _URL.match(text) is not None and not _exists(Path(text))


def is_pattern(text: str) -> bool:
    """Return whether a text is named by a pattern such as `mail/*.txt`, and not by a file of that name."""
    return glob.has_magic(text) and "\n" not in text and not _exists(Path(text))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # the name is too long, or a folder on the way is closed to us
        return False


def stored_name(text: str | Path) -> str:
    """Return a name by which a text is found from any folder: a sample's name, a pattern, or an absolute path."""
    if isinstance(text, str) and is_pattern(text):
        return str(Path(glob.escape(str(Path.cwd()))) / text)
    return str(Path(text).resolve()) if text not in SAMPLES and _exists(Path(text)) else str(text)


def run_name(text: str | Path) -> str:
    """Return a plain name for what is made of a text."""
    path = Path(text)
    while glob.has_magic(path.stem):
        path = path.parent
    bare = Path(bare_name(path.name))
    is_ending = bare.suffix[1:2].isalpha() and not path.is_dir()  # `v1.2` has none, and a folder has none
    return (bare.stem if is_ending else bare.name) or "text"


def is_gathered(text: Any) -> bool:
    """Return whether a text was in memory, and is a file or folder of the cache now."""
    if not isinstance(text, str | Path):
        return False
    path = Path(text).resolve()
    return any(entry_kind(name) == "text" for name in (path.name, path.parent.name))


def not_found(text: str, path: Path) -> str:
    """Return the message for a name that no text has; it suggests one that is near."""
    samples = SAMPLES if len(path.parts) == 1 else ()
    try:
        names = [*samples, *(neighbor.name for neighbor in path.parent.iterdir())]
    except (OSError, ValueError):
        names = [*samples]
    near = get_close_matches(path.name, names, n=1, cutoff=_NEAR)
    repair = f"did you mean `{path.with_name(near[0])}`?" if near else f"samples: {', '.join(SAMPLES)}"
    if not near and " " in text and not path.suffix[1:].isalnum():
        return f"`{text[:60]}` is not a sample, file or folder; if it is the text itself, pass a list, such as `[text]`"
    return (
        f"`{text}` is not a sample, file or folder; {repair} (for a file or folder with a sample's name, write ./NAME)"
    )
