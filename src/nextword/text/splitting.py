"""One text cut into train, valid and test, in its own order."""

import mmap
import re
from functools import partial
from typing import Literal, get_args

from nextword.errors import TextError
from nextword.text.counted import counted
from nextword.text.packing import unreadable
from nextword.text.reader import TextRange

_LINE_END = rb"(?>\r\n|\r|\n)"  # atomic: the two halves of one are not two
_PLACES = {
    "a blank line": (re.compile(_LINE_END + rb"[ \t]*" + _LINE_END), 2**16),
    "a line end": (re.compile(_LINE_END), 2**20),
    "a space": (re.compile(rb"[ \t]"), 2**20),
}
"""Where to cut, best first, and how many bytes to search for such a place."""

_ENOUGH_BYTES = 1_000

SplitName = Literal["train", "valid", "test"]
SPLITS: tuple[SplitName, ...] = get_args(SplitName)


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
