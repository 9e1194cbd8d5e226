"""A text in three splits, by the names of their files or cut in its own order, and in shards, read side by side."""

import mmap
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, get_args

from nextword.errors import TextError
from nextword.text.options import LineEnds
from nextword.text.reading.counted import counted
from nextword.text.reading.packing import PACKED_SUFFIXES, unreadable
from nextword.text.reading.reader import TextRange
from nextword.text.sources.documents import JSON_LINES_SUFFIXES

_LINE_END = re.compile(rb"(?>\r\n|\r|\n)")  # atomic: the two halves of one are not two
_BLANK_LINE = re.compile(_LINE_END.pattern + rb"[ \t]*" + _LINE_END.pattern)
"""A blank line of other white space than spaces and tabs is not used."""

_PLACES = {
    "a blank line": (_BLANK_LINE, 2**16),
    "a line end": (_LINE_END, 2**20),
    "a space": (re.compile(rb"[ \t]"), 2**20),
}
"""Where to cut, best first, and how many bytes to search for such a place."""

_ENOUGH_BYTES = 1_000
_BLOCK = 2**16
_KEPT = 2**20

SplitName = Literal["train", "valid", "test"]
SPLITS: tuple[SplitName, ...] = get_args(SplitName)

SPLIT_NAMES: Mapping[SplitName, tuple[str, ...]] = {
    "train": ("train",),
    "valid": ("valid", "validation", "val", "dev"),
    "test": ("test",),
}
"""The names that each split may have, as a file of a folder and as a key of a mapping, first choice first."""


def split_whole(
    whole: TextRange, valid_fraction: float, test_fraction: float, description: str, *, is_file: bool = True
) -> tuple[dict[SplitName, TextRange], str]:
    """Return the ranges of train, valid and test, and a sentence that says how they were made.

    Args:
        whole: The text.
        valid_fraction: Part of its bytes for validation.
        test_fraction: Part of its bytes for the test.
        description: How the sentence begins: what the text is.
        is_file: Whether the user has the text in files; else it was in memory.

    Raises:
        TextError: The text cannot be read, or is too short or too unbroken for three parts.
    """
    if not whole.num_bytes:
        raise TextError(f"`{whole.name}` must hold text, but is empty")
    smaller_part = int(whole.num_bytes * min(valid_fraction, test_fraction))
    try:
        with whole.path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            cut = partial(_cut, content, _end_of_words(content), smaller_part)
            train_stop, place = cut(int(whole.stop * (1 - valid_fraction - test_fraction)))
            valid_stop, _ = cut(max(int(whole.stop * (1 - test_fraction)), train_stop))
    except OSError as error:
        raise unreadable(whole.path, error) from error
    if not train_stop < valid_stop < whole.stop:
        parts = "a folder with train.txt, valid.txt and test.txt" if is_file else "a mapping of train, valid and test"
        raise TextError(
            f"`{whole.name}` must be long enough to be split in three, but has {counted(whole.num_bytes, 'byte')}; "
            f"give at least {_ENOUGH_BYTES:,} bytes in several lines, or {parts}"
        )
    ranges: dict[SplitName, TextRange] = {
        "train": whole.part(0, train_stop),
        "valid": whole.part(train_stop, valid_stop),
        "test": whole.part(valid_stop, whole.stop),
    }
    shares = ", ".join(f"{name} {part.num_bytes / whole.num_bytes:.1%}" for name, part in ranges.items())
    return ranges, f"{description}, split by bytes in its own order: {shares}; cut after {place}"


def _end_of_words(content: mmap.mmap) -> int:
    """Return where the white space at the end begins."""
    stop = len(content)
    while stop and content[stop - 1 : stop].isspace():
        stop -= 1
    return stop


def _cut(content: mmap.mmap, words_stop: int, smaller_part: int, nominal: int) -> tuple[int, str]:
    """Return the first good place to cut at or after `nominal`, with words after it, and what is before it."""
    for place, (pattern, window) in _PLACES.items():
        limit = min(nominal + window, words_stop)
        if place == "a blank line":
            limit = min(limit, nominal + smaller_part // 2)
        if found := pattern.search(content, nominal, limit):
            stop = found.end()
            # The window may end between the two halves of a line end.
            return stop + (content[stop - 1 : stop + 1] == b"\r\n"), place
    return len(content), "its end"


def shards_of(part: TextRange, line_ends: LineEnds, size: int) -> list[TextRange]:
    """Return the shards of a text. They depend on the text alone, not on how many processes read them.

    Args:
        part: The text.
        line_ends: Whether a shard ends with a line or with a paragraph.
        size: Fewest bytes of a shard, except for the last.

    Raises:
        TextError: The text cannot be read.
    """
    place = _LINE_END if line_ends == "line" else _BLANK_LINE
    stops: list[int] = []
    start = part.start
    while part.stop - start > size and (stop := _next_stop(part, start + size, place)):
        stops.append(stop)
        start = stop
    return [part.part(*span) for span in zip([part.start, *stops], [*stops, part.stop], strict=True)]


def _next_stop(part: TextRange, start: int, place: re.Pattern[bytes]) -> int | None:
    """Return where the first place at or after `start` ends, if text follows it."""
    data = b""
    try:
        with part.path.open("rb") as file:
            file.seek(start)
            while block := file.read(min(_BLOCK, part.stop - start - len(data))):
                data += block
                # A carriage return at the end of what was read may be half of a line end.
                if (found := place.search(data)) and found.end() < len(data):
                    return start + found.end()
                if len(data) >= _KEPT:
                    start, data = start + len(data) - _BLOCK, data[-_BLOCK:]
    except OSError as error:
        raise unreadable(part.path, error) from error
    return None


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
    return {split: tuple(f"{name}{suffix}" for name in SPLIT_NAMES[split] for suffix in suffixes) for split in SPLITS}


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
