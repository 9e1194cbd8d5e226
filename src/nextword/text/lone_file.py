r"""A lone file split by place: its beginning to train, then a part to validate, its end to test.

```
bytes      0                                          90 %      95 %     100 %
           |------------------ train ------------------|- valid -|- test --|
cut                                after the next blank line, else line end, else space
```

The cuts depend on the bytes and the fractions alone, so the same file is always split alike.
"""

import mmap
import re
from pathlib import Path

from nextword.errors import TextError
from nextword.text.reader import TextRange, unreadable

_LINE_END = rb"(?>\r\n|\r|\n)"  # atomic: the two halves of one are not two
_PLACES = {
    "a blank line": (re.compile(_LINE_END + rb"[ \t]*" + _LINE_END), 2**16),
    "a line end": (re.compile(_LINE_END), 2**20),
    "a space": (re.compile(rb"[ \t]"), 2**20),
}
"""Where to cut, best first, and how many bytes to search for such a place."""


def split_lone_file(path: Path, valid_fraction: float, test_fraction: float) -> tuple[dict[str, TextRange], str]:
    """Return the ranges of train, valid and test, and a sentence that says how they came about.

    Raises:
        TextError: The file cannot be read, or is too short or too unbroken for three parts.
    """
    whole = TextRange.whole(path)
    if not whole.num_bytes:
        raise TextError(f"`{path}` must hold text, but is empty")
    smaller_part = int(whole.num_bytes * min(valid_fraction, test_fraction))
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            train_stop, place = _cut(content, int(whole.stop * (1 - valid_fraction - test_fraction)), smaller_part)
            valid_stop, _ = _cut(content, max(int(whole.stop * (1 - test_fraction)), train_stop), smaller_part)
    except OSError as error:
        raise unreadable(path, error) from error
    if not train_stop < valid_stop < whole.stop:
        raise TextError(
            f"`{path}` must be long enough to be cut in three, but has {whole.num_bytes:,} bytes; give more text, or a "
            "folder with train.txt, valid.txt and test.txt, or have a file evaluated whole by `--split all`"
        )
    ranges = {
        "train": TextRange(path, 0, train_stop),
        "valid": TextRange(path, train_stop, valid_stop),
        "test": TextRange(path, valid_stop, whole.stop),
    }
    shares = ", ".join(f"{name} {part.num_bytes / whole.num_bytes:.1%}" for name, part in ranges.items())
    return ranges, f"one file, `{path.name}`, split by bytes in its own order: {shares}; cut after {place}"


def _cut(content: mmap.mmap, nominal: int, smaller_part: int) -> tuple[int, str]:
    """Return the first good place to cut at or after `nominal`, and what lies before it."""
    for place, (pattern, window) in _PLACES.items():
        limit = min(nominal + window, len(content))
        if place == "a blank line":
            limit = min(limit, nominal + smaller_part // 2)
        if found := pattern.search(content, nominal, limit):
            stop = found.end()
            # The window may end between the two halves of a line end.
            return stop + (content[stop - 1 : stop + 1] == b"\r\n"), place
    return len(content), "its end"
