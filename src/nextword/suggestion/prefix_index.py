"""Strings by what they begin with."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence


class PrefixIndex:
    """Sorted strings, found by a prefix in the logarithm of their number.

    Args:
        strings: The strings, in any order; one may stand there several times.

    Example:
        >>> index = PrefixIndex(["the", "to", "then", "a"])
        >>> index.strings[index.range_of("the")]
        ('the', 'then')
    """

    def __init__(self, strings: Iterable[str]) -> None:
        self.strings: Sequence[str] = tuple(sorted(strings))

    def range_of(self, prefix: str) -> slice:
        """Return where the strings stand that begin with `prefix`."""
        first = bisect_left(self.strings, prefix)
        end = bisect_right(self.strings, prefix, lo=first, key=lambda string: string[: len(prefix)])
        return slice(first, end)

    def places_of(self, string: str) -> slice:
        """Return where a string itself stands."""
        first = bisect_left(self.strings, string)
        return slice(first, bisect_right(self.strings, string, lo=first))
