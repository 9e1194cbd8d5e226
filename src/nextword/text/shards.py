"""A text cut into shards of whole lines or paragraphs, which processes read side by side."""

import re

from nextword.text.options import LineEnds
from nextword.text.packing import unreadable
from nextword.text.reader import TextRange

_BLOCK = 2**16
_KEPT = 2**20

_LINE_END = rb"(?>\r\n|\r|\n)"
_PLACES: dict[LineEnds, re.Pattern[bytes]] = {
    "line": re.compile(_LINE_END),
    "paragraph": re.compile(_LINE_END + rb"[ \t]*" + _LINE_END),
}
"""What a shard ends with. A blank line of other white space than spaces and tabs is not used."""


def shards_of(part: TextRange, line_ends: LineEnds, size: int) -> list[TextRange]:
    """Return the shards of a text. They depend on the text alone, not on how many processes read them.

    Args:
        part: The text.
        line_ends: Whether a shard ends with a line or with a paragraph.
        size: Fewest bytes of a shard, except for the last.

    Raises:
        TextError: The text cannot be read.
    """
    stops: list[int] = []
    start = part.start
    while part.stop - start > size and (stop := _next_stop(part, start + size, _PLACES[line_ends])):
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
