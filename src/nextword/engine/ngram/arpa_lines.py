"""The lines of an ARPA file with their numbers, read in bounded memory."""

from collections.abc import Generator, Iterator
from itertools import islice
from pathlib import Path

from nextword.errors import TextError
from nextword.text.reading.packing import unpacked_blocks

_LONGEST_LINE = 2**20
_CHUNK_BYTES = 2**24  # bytes after which fewer lines are returned at once


class ArpaLines:
    """The lines of an ARPA file, packed or not, each read once.

    Raises:
        TextError: While lines are read: the file cannot be read, or a line is too long.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._source = self._read()
        self._lines = enumerate(self._source, start=1)

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        """Yield the number and the content of each line that is left, without its end."""
        return self._lines

    def close(self) -> None:
        """Close the file, wherever it was read to."""
        self._source.close()

    def expect(self, wanted: str) -> None:
        """Read the next line that is not blank."""
        number, line = next(((number, line.strip()) for number, line in self._lines if line.strip()), (0, b""))
        if not number:
            raise TextError(
                f"`{self.path}`, at its end: an ARPA file must continue with `{wanted}`; copy or write it again"
            )
        if line != wanted.encode():
            shown = line[:40].decode("utf-8", "replace")
            raise self.fault(number, f"an ARPA file must have `{wanted}` here, but has `{shown}`")

    def chunk(self, most: int) -> list[tuple[int, bytes]]:
        """Return the next lines, at most `most`, or fewer if they are long."""
        chunk: list[tuple[int, bytes]] = []
        num_bytes = 0
        for number, line in islice(self._lines, most):
            chunk.append((number, line))
            num_bytes += len(line)
            if num_bytes >= _CHUNK_BYTES:
                break
        return chunk

    def fault(self, number: int, what: str) -> TextError:
        """Return the error for what is wrong in a line."""
        return TextError(f"`{self.path}`, line {number}: {what}")

    def _read(self) -> Generator[bytes]:
        number, pieces, size = 1, list[bytes](), 0  # of a line that has not ended
        for block in unpacked_blocks(self.path, block=2**20):
            first, *others = block.split(b"\n")
            pieces.append(first)
            size += len(first)
            if size > _LONGEST_LINE:
                raise self.fault(number, f"a line must be at most {_LONGEST_LINE} bytes long, but is longer")
            if others:
                yield b"".join(pieces)
                yield from others[:-1]
                number, pieces, size = number + len(others), others[-1:], len(others[-1])
        if size:
            yield b"".join(pieces)
