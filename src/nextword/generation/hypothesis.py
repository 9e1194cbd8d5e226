"""A text on the way, or at its end, in a search."""

from typing import NamedTuple

from nextword.generation.end_rule import Ending
from nextword.generation.search_options import length_normalizer


class Hypothesis(NamedTuple):
    """A text, immutable.

    Attributes:
        ids: Its tokens.
        log_prob: The logarithm of their probability by the engine.
        ending: Why it is complete, `None` where it is not.
        tail: Its end, in which a stop string may begin.
        met: The required phrases that it holds, by number.
        progress: How many tokens of required phrases it holds or ends with.
    """

    ids: tuple[int, ...] = ()
    log_prob: float = 0.0
    ending: Ending | None = None
    tail: str = ""
    met: frozenset[int] = frozenset()
    progress: int = 0

    def score(self, exponent: float) -> float:
        """Return the log-probability over `length_normalizer`."""
        return self.log_prob / length_normalizer(len(self.ids), exponent)
