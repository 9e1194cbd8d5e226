"""The names that the files of a folder with splits may have."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nextword.text.documents import JSON_LINES_SUFFIXES
from nextword.text.packing import PACKED_SUFFIXES
from nextword.text.splitting import SPLITS, SplitName


@dataclass(frozen=True)
class Layout:
    """The file names of a kind of folder.

    Attributes:
        names: The names that each split's file may have, first choice first; packed files may end in .gz or .zst.
        pretokenized: Whether such files hold tokens between spaces.
    """

    names: Mapping[SplitName, Sequence[str]]
    pretokenized: bool


def _named(*suffixes: str) -> dict[SplitName, tuple[str, ...]]:
    names: dict[SplitName, tuple[str, ...]] = {
        "train": ("train",),
        "valid": ("valid", "validation", "dev"),
        "test": ("test",),
    }
    return {split: tuple(f"{name}{suffix}" for name in names[split] for suffix in suffixes) for split in SPLITS}


LAYOUTS = (
    Layout({split: (f"ptb.{split}.txt",) for split in SPLITS}, pretokenized=True),
    Layout({split: (f"wiki.{split}.tokens",) for split in SPLITS}, pretokenized=True),
    Layout(_named(".txt"), pretokenized=False),
    Layout(_named(*JSON_LINES_SUFFIXES), pretokenized=False),
)


def first_file(folder: Path, names: Sequence[str]) -> Path | None:
    """Return the first file of these names that a folder has, packed or not."""
    paths = (folder / f"{name}{suffix}" for name in names for suffix in ("", *PACKED_SUFFIXES))
    return next((path for path in paths if path.is_file()), None)


def split_files(folder: Path) -> list[Path]:
    """Return the files of a folder that are named like splits."""
    found = (first_file(folder, names) for layout in LAYOUTS for names in layout.names.values())
    return [path for path in found if path is not None]


def listing(layout: Layout, needed: Sequence[SplitName]) -> str:
    """Return in words which files a layout needs."""
    return ", ".join("|".join(layout.names[split]) for split in needed)


def lacking(folder: Path, needed: Sequence[SplitName]) -> str:
    """Return the splits that are missing in the layout that lacks fewest."""

    def lacking(layout: Layout) -> list[SplitName]:
        return [split for split in needed if first_file(folder, layout.names[split]) is None]

    fewest = min(map(lacking, LAYOUTS), key=len)
    return ", ".join(fewest)
