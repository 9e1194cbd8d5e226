"""A text split in three in its own order."""

import mmap
import re
from functools import partial

from nextword.errors import TextError, counted
from nextword.text.reading.packing import unreadable
from nextword.text.reading.reader import TextRange
from nextword.text.sources.names import SplitOrAll

_LINE_END = re.compile(rb"(?>\r\n|\r|\n)")  # atomic: the two halves of one are not two
_BLANK_LINE = re.compile(_LINE_END.pattern + rb"[ \t]*" + _LINE_END.pattern)
"""A blank line of other white space than spaces and tabs is not used."""

_BREAKS = {
    "a blank line": (_BLANK_LINE, 2**16),
    "a line end": (_LINE_END, 2**20),
    "a space": (re.compile(rb"[ \t]"), 2**20),
}
"""Where to cut, best first, and how many bytes to search for such a break."""

_WORD = re.compile(rb"\S")
_ENOUGH_BYTES = 1_000


def split_whole(
    whole: TextRange, valid_fraction: float, test_fraction: float, description: str, *, is_file: bool = True
) -> tuple[dict[SplitOrAll, TextRange], str]:
    """Return the ranges of train, valid and test, and a sentence that says how they were made.

    Raises:
        TextError: The text cannot be read, or is too short or too unbroken for three parts.
    """
    if not whole.num_bytes:
        raise TextError(f"`{whole.name}` must hold text, but is empty")
    smaller_part = int(whole.num_bytes * min(valid_fraction, test_fraction))
    try:
        with whole.path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            cut = partial(_cut, content, _end_of_words(content), smaller_part)
            train_stop, kind = cut(int(whole.stop * (1 - valid_fraction - test_fraction)))
            word = _WORD.search(content, train_stop)
            valid_stop, _ = cut(max(int(whole.stop * (1 - test_fraction)), word.end() if word else train_stop))
    except OSError as error:
        raise unreadable(whole.path, error) from error
    if not train_stop < valid_stop < whole.stop:
        parts = "a folder with train.txt, valid.txt and test.txt" if is_file else "a mapping of train, valid and test"
        raise TextError(
            f"`{whole.name}` must be long enough to be split in three, but has {counted(whole.num_bytes, 'byte')}; "
            f"give at least {_ENOUGH_BYTES:,} bytes in several lines, or {parts}"
        )
    ranges: dict[SplitOrAll, TextRange] = {
        "train": whole.part(0, train_stop),
        "valid": whole.part(train_stop, valid_stop),
        "test": whole.part(valid_stop, whole.stop),
    }
    shares = ", ".join(f"{name} {part.num_bytes / whole.num_bytes:.1%}" for name, part in ranges.items())
    return ranges, f"{description}, split by bytes in its own order: {shares}; cut after {kind}"


def _end_of_words(content: mmap.mmap) -> int:
    """Return where the white space at the end begins."""
    stop = len(content)
    while stop and content[stop - 1 : stop].isspace():
        stop -= 1
    return stop


def _cut(content: mmap.mmap, words_stop: int, smaller_part: int, nominal: int) -> tuple[int, str]:
    """Return the first break at or after `nominal`, with words after it, and what is before it."""
    for kind, (pattern, window) in _BREAKS.items():
        limit = min(nominal + window, words_stop)
        if kind == "a blank line":
            limit = min(limit, nominal + smaller_part // 2)
        if match := pattern.search(content, nominal, limit):
            stop = match.end()
            # The window may end between the two halves of a line end.
            return stop + (content[stop - 1 : stop + 1] == b"\r\n"), kind
    return len(content), "its end"
