r"""How the next token is drawn from the model's log-probabilities.

    log-probs (V,) -> without forbidden tokens -> repetition penalty -> temperature
                   -> top k -> top p -> min p -> typical -> a draw

Each filter works on what the one before it left; `nextword.generation.filters` has them.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nextword.errors import SettingError
from nextword.generation.filters import (
    LogProbs,
    keep_min_p,
    keep_top_k,
    keep_top_p,
    keep_typical,
    normalized,
    with_repetition_penalty,
    with_temperature,
    without,
)
from nextword.settings import Settings, setting


@dataclass(frozen=True, kw_only=True)
class SamplingOptions(Settings):
    """How tokens are drawn.

    Raises:
        SettingError: A value leaves its range.

    Example:
        >>> SamplingOptions(temperature=0.8, top_k=40).to_table()["top_k"]
        40
    """

    group: ClassVar[str] = "generation"

    temperature: float = setting(
        1.0, help="Below 1 the probable becomes more so, above 1 less; 0 takes the most probable.", at_least=0.0
    )
    top_k: int | None = setting(None, help="Draw from so many of the most probable tokens only.", at_least=1)
    top_p: float = setting(
        1.0, help="Draw from the fewest most probable tokens that reach this probability.", at_least=0.0, at_most=1.0
    )
    min_p: float = setting(
        0.0,
        help="Draw from tokens at least this times as probable as the most probable one.",
        at_least=0.0,
        at_most=1.0,
    )
    typical_p: float = setting(
        1.0,
        help="Draw from the fewest tokens of the most expected surprisal that reach this probability.",
        at_least=0.0,
        at_most=1.0,
    )
    repetition_penalty: float = setting(
        1.0, help="Power to which the probability of a token of late is raised.", at_least=1.0, at_most=100.0
    )
    repetition_window: int = setting(
        64, help="Tokens, those of the prompt too, that count as of late for the penalty.", at_least=1
    )
    seed: int | None = setting(None, help="Seed of the draws; another each time where not given.", at_least=0)
    allow_unknown: bool = setting(False, help="Let <unk> be drawn.")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("top_p", "typical_p"):
            if getattr(self, name) == 0:
                raise SettingError(
                    f"`{name}` must be above 0, but is 0; for the most probable token set `temperature = 0`"
                )


def filtered(
    log_probs: LogProbs, options: SamplingOptions, forbidden: Collection[int] = (), read: Sequence[int] = ()
) -> NDArray[np.float64]:
    """Return the distribution from which `options` have a token drawn.

    Args:
        log_probs: What the model expects `(V,)`.
        options: How tokens are drawn.
        forbidden: Tokens that must not be.
        read: The tokens before, of which the repetition penalty sees the last.

    Raises:
        SettingError: All tokens are forbidden, or a log-probability is not a number.
    """
    left = without(log_probs, forbidden)
    if options.repetition_penalty != 1:
        left = with_repetition_penalty(left, set(read[-options.repetition_window :]), options.repetition_penalty)
    if options.temperature != 1:
        left = with_temperature(left, options.temperature)
    if options.temperature == 0:
        return keep_top_k(left, 1)
    if options.top_k is not None:
        left = keep_top_k(left, options.top_k)
    if options.top_p < 1:
        left = keep_top_p(left, options.top_p)
    if options.min_p > 0:
        left = keep_min_p(left, options.min_p)
    return left if options.typical_p == 1 else keep_typical(left, options.typical_p)


def sample(log_probs: LogProbs, random: np.random.Generator) -> int:
    """Draw a token, each with its probability; one with probability 0 is never drawn."""
    cumulative = np.cumsum(np.exp(normalized(log_probs)))
    return int(np.searchsorted(cumulative / cumulative[-1], random.random(), side="right"))
