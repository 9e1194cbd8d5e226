"""The characters that the word tokenizer takes for parts of words, as a table for the page.

A browser has Unicode tables of its own, of another version. With this table the page cuts text exactly as Python does.
"""

from functools import cache
from itertools import pairwise

from tokenizers import Regex
from tokenizers.pre_tokenizers import Split

_OTHERS = r"[^\p{L}\p{M}\p{N}_]+"
"""What is not part of a word in `nextword.text.tokens.pieces`."""

_SURROGATES = range(0xD800, 0xE000)


@cache
def word_character_ranges() -> tuple[int, ...]:
    """Return the ranges of code points: the gap before each range and its length, by turns.

    Example:
        >>> word_character_ranges()[:4]  # the digits begin at 48, then the letters A to Z at 65
        (48, 10, 7, 26)
    """
    points = [point for point in range(0x110000) if point not in _SURROGATES]
    runs = Split(Regex(_OTHERS), "removed").pre_tokenize_str("".join(map(chr, points)))
    found = [both for _, (start, stop) in runs for both in _joined(points[start:stop])]
    bounds = [0, *(bound for both in found for bound in both)]
    return tuple(after - before for before, after in pairwise(bounds))


def _joined(points: list[int]) -> list[tuple[int, int]]:
    """Return the ranges in ascending code points."""
    starts = [points[0], *(after for before, after in pairwise(points) if after != before + 1)]
    stops = [*(before + 1 for before, after in pairwise(points) if after != before + 1), points[-1] + 1]
    return list(zip(starts, stops, strict=True))
