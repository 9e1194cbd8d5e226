"""A word or phrase as the tokens that spell it."""

from collections.abc import Sequence
from typing import NamedTuple


class Phrase(NamedTuple):
    """Tokens in a row, each one of a set.

    Attributes:
        sets: The sets, in order.
        opened: Whether the first set is not of the phrase, but of what may stand before it; the beginning of a text
            may as well.
        closed: Whether the last set is not of the phrase, but of what may stand after it; the end of a text may too.
    """

    sets: tuple[frozenset[int], ...]
    opened: bool = False
    closed: bool = False

    def has_begun(self, length: int, ids: Sequence[int]) -> bool:
        """Return whether a text ends with the first `length` tokens of the phrase.

        Example:
            >>> Phrase((frozenset([1]), frozenset([2, 3]))).has_begun(2, [7, 1, 3])
            True
        """
        sets = self.sets[:length]
        if self.opened and len(ids) == length - 1:
            sets = sets[1:]
        if len(ids) < len(sets):
            return False
        return all(token_id in allowed for token_id, allowed in zip(ids[len(ids) - len(sets) :], sets, strict=True))
