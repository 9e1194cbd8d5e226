r"""How the next token is drawn from the model's log-probabilities.

    log-probs (V,) -> without forbidden tokens -> temperature -> top k -> top p -> a draw

Each step takes log-probabilities `(V,)` and returns log-probabilities `(V,)` in float64 that sum to one, in which what
is left out has probability 0, `-inf`. None changes the order of two tokens that it keeps.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nextword.errors import SettingError
from nextword.settings import Settings, setting

LogProbs = NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True)
class SamplingOptions(Settings):
    """How tokens are drawn.

    Raises:
        SettingError: A value leaves its range.

    Example:
        >>> SamplingOptions(temperature=0.8, top_k=40).to_table()
        {'temperature': 0.8, 'top_k': 40, 'top_p': 1.0, 'allow_unknown': False}
    """

    group: ClassVar[str] = "generation"

    temperature: float = setting(
        1.0, help="Below 1 the probable becomes more so, above 1 less; 0 takes the most probable.", at_least=0.0
    )
    top_k: int | None = setting(None, help="Draw from so many of the most probable tokens only.", at_least=1)
    top_p: float = setting(
        1.0, help="Draw from the fewest most probable tokens that reach this probability.", at_least=0.0, at_most=1.0
    )
    seed: int | None = setting(None, help="Seed of the draws; another each time where not given.", at_least=0)
    allow_unknown: bool = setting(False, help="Let <unk> be drawn.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.top_p == 0:
            raise SettingError("`top_p` must be above 0, but is 0; for the most probable token set `temperature = 0`")


def without(log_probs: LogProbs, forbidden: Collection[int]) -> NDArray[np.float64]:
    """Return the distribution given that no forbidden token is drawn: `p(w) / (1 - p(forbidden))`.

    Raises:
        SettingError: No token is left, or a log-probability is not a number.
    """
    allowed = log_probs.astype(np.float64)
    allowed[list(forbidden)] = -np.inf
    return _normalized(allowed)


def with_temperature(log_probs: LogProbs, temperature: float) -> NDArray[np.float64]:
    """Return the distribution proportional to `p(w) ** (1 / temperature)`.

    Towards 0 it goes to one shared by the most probable tokens, and is that at 0; towards infinity it becomes uniform
    over the tokens that have any probability.
    """
    relative = log_probs.astype(np.float64) - log_probs.max()
    if temperature == 0:
        return _normalized(np.where(relative == 0, 0.0, -np.inf))
    with np.errstate(over="ignore"):
        return _normalized(relative / temperature)


def keep_top_k(log_probs: LogProbs, top_k: int) -> NDArray[np.float64]:
    """Return the distribution given that one of the `top_k` most probable tokens is drawn.

    Of equals the one with the smaller id is kept, so that never more than `top_k` are.

    Example:
        >>> np.exp(keep_top_k(np.log([0.2, 0.5, 0.3]), 2)).round(3).tolist()
        [0.0, 0.625, 0.375]
    """
    return _only(log_probs, _by_probability(log_probs)[:top_k])


def keep_top_p(log_probs: LogProbs, top_p: float) -> NDArray[np.float64]:
    """Return the distribution given that one of the fewest tokens that together have `top_p` is drawn.

    The most probable are taken, one after the other, until their probabilities sum to `top_p` or more; the first is
    always among them. (Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration".)

    Example:
        >>> np.exp(keep_top_p(np.log([0.2, 0.5, 0.3]), 0.6)).round(3).tolist()
        [0.0, 0.625, 0.375]
    """
    if top_p >= 1:
        return _normalized(log_probs)
    order = _by_probability(log_probs)
    reached = np.cumsum(np.exp(_normalized(log_probs)[order]))
    return _only(log_probs, order[: 1 + np.searchsorted(reached, top_p)])


def filtered(log_probs: LogProbs, options: SamplingOptions, forbidden: Collection[int] = ()) -> NDArray[np.float64]:
    """Return the distribution from which `options` have a token drawn.

    Raises:
        SettingError: All tokens are forbidden, or a log-probability is not a number.
    """
    left = with_temperature(without(log_probs, forbidden), options.temperature)
    if options.temperature == 0:
        return keep_top_k(left, 1)
    if options.top_k is not None:
        left = keep_top_k(left, options.top_k)
    return keep_top_p(left, options.top_p)


def sample(log_probs: LogProbs, random: np.random.Generator) -> int:
    """Draw a token, each with its probability; one with probability 0 is never drawn."""
    cumulative = np.cumsum(np.exp(_normalized(log_probs)))
    return int(np.searchsorted(cumulative / cumulative[-1], random.random(), side="right"))


def _by_probability(log_probs: LogProbs) -> NDArray[np.int64]:
    return np.argsort(-log_probs, kind="stable")


def _only(log_probs: LogProbs, kept: NDArray[np.int64]) -> NDArray[np.float64]:
    left = np.full(log_probs.shape, -np.inf)
    left[kept] = log_probs[kept]
    return _normalized(left)


def _normalized(log_probs: LogProbs) -> NDArray[np.float64]:
    highest = float(log_probs.max())
    if not np.isfinite(highest):
        raise SettingError(
            f"at least one token must be possible, but the highest log-probability is {highest}; forbid fewer tokens"
        )
    relative = log_probs.astype(np.float64) - highest
    normalized: NDArray[np.float64] = relative - np.log(np.exp(relative).sum())
    return normalized
