"""Lines of a file, each with its number, and the error for one that breaks a rule."""

from collections.abc import Iterator

from nextword.errors import TextError
from nextword.text.input_lines import STANDARD_INPUT, InputLines
from nextword.text.options import OnBadBytes


class LineSource:
    """The lines of a file or of standard input, packed or not, to be iterated once: pairs of number and text.

    Args:
        path: The file; `-` for standard input.
        on_bad_bytes: What to do with bytes that are not UTF-8, and with NULs.

    Attributes:
        name: What messages call it.

    Raises:
        TextError: (while iterating) It cannot be read, or holds something refused.
    """

    def __init__(self, path: str, *, on_bad_bytes: OnBadBytes = "strict") -> None:
        self.name = "standard input" if path == STANDARD_INPUT else path
        self._lines = InputLines([path], on_bad_bytes=on_bad_bytes)

    def __iter__(self) -> Iterator[tuple[int, str]]:
        return enumerate(self._lines, start=1)

    def refuse(self, number: int, message: str) -> TextError:
        """Return the error for a line."""
        return TextError(f"`{self.name}`, line {number}: {message}")
