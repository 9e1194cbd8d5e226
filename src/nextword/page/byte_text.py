"""Bytes inside an HTML file, one character for each of almost all bytes; base64 would add a third.

The file is in windows-1252, in which browsers read every byte as one character. Four bytes cannot be written as they
are: NUL and CR, which browsers replace; `<`, which may end the element; and `=`, which begins an escape. Each of these
is written as `=` and the byte 64 places later, as yEnc does.
"""

import gzip
import re

ESCAPE = 0x3D
SHIFT = 64

_ESCAPED = re.compile(rb"[\x00\x0d<=]")


def packed_text(data: bytes) -> bytes:
    r"""Return compressed bytes as the text of an element in a file in windows-1252.

    Example:
        >>> as_text(b"a<b")
        b'a=|b'
    """
    return as_text(gzip.compress(data, 9, mtime=0))


def as_text(data: bytes) -> bytes:
    """Return bytes with those escaped that an HTML file cannot hold."""
    return _ESCAPED.sub(lambda found: bytes((ESCAPE, found[0][0] + SHIFT)), data)
