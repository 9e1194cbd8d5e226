"""One text cut into train, valid and test, in its own order."""

import mmap
import re
from typing import Literal, get_args

from nextword.errors import TextError
from nextword.text.packing import unreadable
from nextword.text.reader import TextRange

_LINE_END = rb"(?>\r\n|\r|\n)"  # atomic: the two halves of one are not two
_PLACES = {
    "a blank line": (re.compile(_LINE_END + rb"[ \t]*" + _LINE_END), 2**16),
    "a line end": (re.compile(_LINE_END), 2**20),
    "a space": (re.compile(rb"[ \t]"), 2**20),
}
"""Where to cut, best first, and how many bytes to search for such a place."""

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
            train_stop, place = _cut(content, int(whole.stop * (1 - valid_fraction - test_fraction)), smaller_part)
            valid_stop, _ = _cut(content, max(int(whole.stop * (1 - test_fraction)), train_stop), smaller_part)
    except OSError as error:
        raise unreadable(whole.path, error) from error
    if not train_stop < valid_stop < whole.stop:
        otherwise = (
            "a folder with train.txt, valid.txt and test.txt; to evaluate a whole file, use `--split all`"
            if is_file
            else "a mapping with `train`, `valid` and `test`"
        )
        raise TextError(
            f"`{whole.name}` must be long enough to be cut in three, but has {whole.num_bytes:,} bytes; give more "
            f"text, or {otherwise}"
        )
    ranges: dict[SplitName, TextRange] = {
        "train": whole.part(0, train_stop),
        "valid": whole.part(train_stop, valid_stop),
        "test": whole.part(valid_stop, whole.stop),
    }
    shares = ", ".join(f"{name} {part.num_bytes / whole.num_bytes:.1%}" for name, part in ranges.items())
    return ranges, f"{description}, split by bytes in its own order: {shares}; cut after {place}"


def _cut(content: mmap.mmap, nominal: int, smaller_part: int) -> tuple[int, str]:
    """Return the first good place to cut at or after `nominal`, and what is before it."""
    for place, (pattern, window) in _PLACES.items():
        limit = min(nominal + window, len(content))
        if place == "a blank line":
            limit = min(limit, nominal + smaller_part // 2)
        if found := pattern.search(content, nominal, limit):
            stop = found.end()
            # The window may end between the two halves of a line end.
            return stop + (content[stop - 1 : stop + 1] == b"\r\n"), place
    return len(content), "its end"
