r"""Sampling of the next token from the model's log-probabilities.

    log-probs (V,) -> without forbidden tokens -> repetition penalty -> temperature
                   -> top k -> top p -> min p -> typical -> sample

Each filter works on the result of the previous one. To add a filter, write its function, its option and its row in
`FILTERS`.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nextword.errors import SettingError
from nextword.inference.highest import highest
from nextword.settings import Settings, setting

LogProbs = NDArray[np.floating[Any]]

_FIRST_COUNT = 256
"""Tokens that are sorted at first to reach `top_p`; then eight times as many each time."""

_BLOCK = 128


def without(log_probs: LogProbs, forbidden: Collection[int]) -> NDArray[np.float64]:
    """Return the distribution without forbidden tokens: `p(w) / (1 - p(forbidden))`."""
    allowed = log_probs.astype(np.float64)
    allowed[list(forbidden)] = -np.inf
    return normalized(allowed)


def with_repetition_penalty(log_probs: LogProbs, recent: Collection[int], penalty: float) -> NDArray[np.float64]:
    r"""Return the distribution proportional to `p(w) ** penalty` for recent tokens and to `p(w)` for all others.

    Keskar et al. divide the logit of an earlier token by a penalty $\theta$. This lowers a positive logit but raises a
    negative one. Log-probabilities are never positive, so we multiply them:

    $$\ln p'(w) = \theta \ln p(w) - \ln Z \quad (w \text{ recent}), \qquad \ln p'(w) = \ln p(w) - \ln Z$$

    For $\theta > 1$, a recent token with a low probability loses more than one with a high probability. The number of
    occurrences has no effect.

    Source:
        Keskar, McCann, Varshney, Xiong and Socher (2019), "CTRL: A Conditional Transformer Language Model for
        Controllable Generation".
    """
    penalized = normalized(log_probs)
    penalized[list(recent)] *= penalty
    return normalized(penalized)


def with_temperature(log_probs: LogProbs, temperature: float) -> NDArray[np.float64]:
    """Return the distribution proportional to `p(w) ** (1 / temperature)`.

    At temperature 0, only the most probable tokens remain, with equal probabilities. At high temperatures, the
    distribution approaches the uniform one over all tokens with a non-zero probability.
    """
    relative = log_probs.astype(np.float64) - log_probs.max()
    if temperature == 0:
        return normalized(np.where(relative == 0, 0.0, -np.inf))
    with np.errstate(over="ignore"):
        return normalized(relative / temperature)


def keep_top_k(log_probs: LogProbs, top_k: int) -> NDArray[np.float64]:
    """Return the distribution over the `top_k` most probable tokens; ties go to the smaller id."""
    return _only(log_probs, _by_probability(log_probs)[:top_k])


def keep_top_p(log_probs: LogProbs, top_p: float) -> NDArray[np.float64]:
    """Return the distribution over the fewest most probable tokens whose probabilities sum to at least `top_p`.

    The most probable token always remains.

    Source:
        Holtzman et al. (2020), "The Curious Case of Neural Text Degeneration".
    """
    if top_p >= 1:
        return normalized(log_probs)
    return _only(log_probs, _reaching(normalized(log_probs), _by_probability(log_probs), top_p))


def keep_min_p(log_probs: LogProbs, min_p: float) -> NDArray[np.float64]:
    r"""Return the distribution over the tokens with $p(w) \ge p_\min \max_v p(v)$.

    It keeps fewer tokens if the model is more certain.

    Source:
        Nguyen, Baker, Neo, Roush, Kirsch and Shwartz-Ziv (2024), "Turning Up the Heat: Min-p Sampling for Creative and
        Coherent LLM Outputs".
    """
    if min_p <= 0:
        return normalized(log_probs)
    return _only(log_probs, np.flatnonzero(log_probs - log_probs.max() >= np.log(min_p)))


def keep_typical(log_probs: LogProbs, typical_p: float) -> NDArray[np.float64]:
    r"""Return the distribution over the fewest most typical tokens whose probabilities sum to at least `typical_p`.

    The typical tokens have a surprisal close to its expectation $H = -\sum_v p(v) \ln p(v)$. Tokens are added in
    order of $|-\ln p(w) - H|$, with ties in order of id. The most probable token may be removed.

    Source:
        Meister, Pimentel, Wiher and Cotterell (2023), "Locally Typical Sampling".
    """
    if typical_p >= 1:
        return normalized(log_probs)
    distribution = normalized(log_probs)
    possible = np.flatnonzero(distribution > -np.inf)
    surprisals = -distribution[possible]
    entropy = float((np.exp(-surprisals) * surprisals).sum())
    order = possible[np.argsort(np.abs(surprisals - entropy), kind="stable")]
    return _only(log_probs, _reaching(distribution, order, typical_p))


FILTERS: dict[str, Callable[[LogProbs, Any], NDArray[np.float64]]] = {
    "top_k": keep_top_k,
    "top_p": keep_top_p,
    "min_p": keep_min_p,
    "typical_p": keep_typical,
}
"""The filters by their option, in the order of application; the value in `UNCHANGED` keeps all tokens."""


def normalized(log_probs: LogProbs) -> NDArray[np.float64]:
    """Return normalized log-probabilities.

    Raises:
        SettingError: No token is possible, or a log-probability is NaN.
    """
    most = float(log_probs.max())
    if not np.isfinite(most):
        raise SettingError(
            f"at least one token must be possible, but the highest log-probability is {most}; forbid fewer tokens"
        )
    relative = log_probs.astype(np.float64) - most
    shifted: NDArray[np.float64] = relative - np.log(np.exp(relative).sum())
    return shifted


def _reaching(log_probs: NDArray[np.float64], order: NDArray[np.int64], mass: float) -> NDArray[np.int64]:
    """Return the shortest prefix of `order` whose probabilities sum to at least `mass`; all tokens if there is none."""
    reached = np.cumsum(np.exp(log_probs[order]))
    return order[: 1 + np.searchsorted(reached, mass)]


def _by_probability(log_probs: LogProbs) -> NDArray[np.int64]:
    return np.argsort(-log_probs, kind="stable")


def _only(log_probs: LogProbs, kept: NDArray[np.int64]) -> NDArray[np.float64]:
    left = np.full(log_probs.shape, -np.inf)
    left[kept] = log_probs[kept]
    return normalized(left)


@dataclass(frozen=True, kw_only=True)
class SamplingOptions(Settings):
    """Options for sampling tokens. The defaults leave out improbable tokens; `UNCHANGED` leaves out none.

    Raises:
        SettingError: A value is out of range.

    Example:
        >>> SamplingOptions(temperature=0.8, top_k=40).to_table()["top_k"]
        40
    """

    group: ClassVar[str] = "generation"
    task: ClassVar[str] = "sampling"

    temperature: float = setting(
        0.8, help="Below 1, likely words become more likely. 0 always takes the most probable token.", at_least=0.0
    )
    top_k: int | None = setting(None, help="Sample from the N most probable tokens.", at_least=1, unset="all")
    top_p: float = setting(
        0.95,
        help="Sample from the most probable tokens that together reach this probability.",
        at_least=0.0,
        at_most=1.0,
    )
    min_p: float = setting(
        0.0, help="Sample from tokens at least this times as probable as the best one.", at_least=0.0, at_most=1.0
    )
    typical_p: float = setting(
        1.0, help="Sample from the most typical tokens that together reach this probability.", at_least=0.0, at_most=1.0
    )
    repetition_penalty: float = setting(
        1.0,
        help="Penalty for tokens used recently: their probability is raised to this power.",
        at_least=1.0,
        at_most=100.0,
    )
    repetition_window: int = setting(
        64, help="Number of recent tokens that the penalty applies to, prompt included.", at_least=1
    )
    seed: int | None = setting(None, help="Seed for sampling.", at_least=0, unset="a new one each time")
    allow_unknown: bool = setting(False, help="Allow `<unk>` in the text.")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("top_p", "typical_p"):
            if getattr(self, name) == 0:
                raise SettingError(
                    f"`{name}` must be above 0, but is 0; set `temperature` to 0 to choose the most probable token"
                )


DEFAULT_SAMPLING = SamplingOptions()
"""The defaults of the command, of Python and of the page."""

UNCHANGED = SamplingOptions(temperature=1.0, top_p=1.0)
"""Options that sample from the model's own distribution: the defaults of OpenAI's API."""

WITHOUT_EFFECT_ON_GREEDY = ("temperature", *FILTERS)
"""The options without effect if the most probable token is always chosen."""


def filtered(
    log_probs: LogProbs, options: SamplingOptions, forbidden: Collection[int] = (), read: Sequence[int] = ()
) -> NDArray[np.float64]:
    """Return the distribution of the next token after all filters."""
    left = without(log_probs, forbidden)
    if options.repetition_penalty != 1:
        left = with_repetition_penalty(left, set(read[-options.repetition_window :]), options.repetition_penalty)
    if options.temperature != 1:
        left = with_temperature(left, options.temperature)
    if options.temperature == 0:
        return keep_top_k(left, 1)
    for name, keep in FILTERS.items():
        value = getattr(options, name)
        if value != getattr(UNCHANGED, name):
            left = keep(left, value)
    return left


def sample(log_probs: LogProbs, random: np.random.Generator) -> int:
    """Sample a token; a token with probability 0 is never returned."""
    cumulative = np.cumsum(np.exp(normalized(log_probs)))
    return int(np.searchsorted(cumulative / cumulative[-1], random.random(), side="right"))


def draw(
    log_probs: LogProbs,
    options: SamplingOptions,
    forbidden: Collection[int],
    read: Sequence[int],
    random: np.random.Generator,
) -> int:
    """Return what `sample` returns after `filtered`, with less work; a token with probability 0 is never returned."""
    if options.repetition_penalty != 1 or options.typical_p != 1:
        return sample(filtered(log_probs, options, forbidden, read), random)
    allowed = log_probs.copy()
    allowed[list(forbidden)] = -np.inf
    best = int(allowed.argmax())
    if not np.isfinite(allowed[best]):
        normalized(allowed)  # raises
    if options.temperature == 0:
        return best
    relative = allowed.astype(np.float64) - float(allowed[best])
    if options.temperature != 1:
        with np.errstate(over="ignore"):
            relative /= options.temperature
    if options.top_k is None and options.top_p == 1 and options.min_p == 0:
        return drawn_index(np.exp(relative), random.random())
    kept = _kept(relative, options)
    return int(kept[drawn_index(np.exp(relative[kept]), random.random())])


def drawn_index(weights: NDArray[np.float64], number: float) -> int:
    """Return the index at which the cumulated weights pass a number from 0 to 1 times their sum."""
    starts = np.arange(0, len(weights), _BLOCK)
    ends = np.cumsum(np.add.reduceat(weights, starts))
    target = number * ends[-1]
    block = _passed(ends, float(target))
    first = int(starts[block])
    before = float(ends[block - 1]) if block else 0.0
    return first + _passed(np.cumsum(weights[first : first + _BLOCK]), float(target) - before)


def _passed(cumulative: NDArray[np.float64], target: float) -> int:
    """Return the first index whose cumulated weight is above `target`; by rounding, it may be the last one."""
    index = int(np.searchsorted(cumulative, target, side="right"))
    return min(index, int(np.searchsorted(cumulative, cumulative[-1])))


def _kept(relative: NDArray[np.float64], options: SamplingOptions) -> NDArray[np.int64]:
    """Return the ids that remain after top k, top p and min p, ascending."""
    number = len(relative) if options.top_k is None else min(options.top_k, len(relative))
    if options.top_p < 1:
        number = _num_reaching(relative, number, options.top_p)
    kept = highest(relative, number)
    return kept[relative[kept] >= np.log(options.min_p)] if options.min_p > 0 else kept


def _num_reaching(relative: NDArray[np.float64], number: int, top_p: float) -> int:
    """Return how many of the `number` most probable tokens reach `top_p` of the weight of them all."""
    size = len(relative)
    total = float(np.exp(relative).sum()) if number == size else None
    count = min(number, _FIRST_COUNT) if total else number
    while True:
        best = np.sort(np.partition(relative, size - count)[size - count :])[::-1]
        reached = np.cumsum(np.exp(best))
        mass = top_p * (total or reached[-1])
        if reached[-1] >= mass or count == number:
            return min(1 + int(np.searchsorted(reached, mass)), count)
        count = min(8 * count, number)


def random_generator(options: SamplingOptions, sample_number: int = 0) -> np.random.Generator:
    """Return the random generator for one of several samples; sample 0 depends only on the seed."""
    key = (sample_number,) if sample_number else ()
    return np.random.default_rng(np.random.SeedSequence(options.seed, spawn_key=key))
