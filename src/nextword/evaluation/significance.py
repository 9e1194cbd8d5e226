r"""Whether one model predicts a text better than another by more than chance.

Tokens are not drawn independently of each other, lines more nearly so, and blocks of lines more so still: a unit $u$
is a line or a block. Let $a_u$ and $b_u$ be the log-probabilities that the two models give it, and $n_u$ its tokens.
The figure is the difference of the mean log-probabilities of a token, and the ratio of the perplexities follows:

$$d = \frac{\sum_u (b_u - a_u)}{\sum_u n_u}, \qquad \frac{\text{perplexity}_b}{\text{perplexity}_a} = e^{-d}$$

Its interval comes from units resampled with replacement, both models' scores together (paired bootstrap); its p-value
from changing the models' places in units chosen at random, which changes nothing between equals (paired permutation).

Source:
    Efron and Tibshirani (1993), "An Introduction to the Bootstrap", chapters 13 and 15.
"""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.batching.window import TokenIds
from nextword.errors import EvaluationError, MissingExtraError, SettingError
from nextword.settings import require_at_least
from nextword.storage.strict_json import finite

Unit = Literal["line", "block"]
"""What is taken to be independent: a line, or a block of lines where each depends on those before."""

BLOCK_LINES = 32
"""Lines of a block."""

_MOST_NUMBERS = 2**21
"""Numbers drawn at once: 16 MiB."""


class LineScores(NamedTuple):
    """How well a model predicted the lines of a text.

    Attributes:
        log_probs: Natural logarithm of each line's probability `(L,)`, float64.
        num_tokens: Tokens of each line `(L,)`, `<eos>` included.
    """

    log_probs: NDArray[np.float64]
    num_tokens: NDArray[np.int64]


@dataclass(frozen=True)
class Comparison:
    """How much better or worse the second of two models predicts a text.

    Attributes:
        difference: What the second's mean log-probability is above the first's, in nats; above 0 it is better.
        low: Lower end of the difference's interval.
        high: Upper end of the interval.
        confidence: The part of such intervals that hold the true difference.
        p_value: How probable a difference as large is, in either direction, between models that are equally good.
        per: What the mean is over: tokens, or lines if the two cut a line into different numbers of tokens.
        log_probs: Log-probability of the whole text by each model.
        num_tokens: Tokens of the text to each model.
        num_units: How many units there are.
        unit: What they are.
        resamples: How often they were resampled.
    """

    difference: float
    low: float
    high: float
    confidence: float
    p_value: float
    per: Literal["token", "line"]
    log_probs: tuple[float, float]
    num_tokens: tuple[int, int]
    num_units: int
    unit: Unit
    resamples: int

    def __repr__(self) -> str:
        first, second = self.perplexities
        return f"Comparison(perplexity {first:,.2f} and {second:,.2f}, p-value {self.p_value:.2g})"

    @property
    def perplexities(self) -> tuple[float, float]:
        """The perplexity of each model; they can be compared if `per` is `token`."""
        return _exp(-self.log_probs[0] / self.num_tokens[0]), _exp(-self.log_probs[1] / self.num_tokens[1])

    @property
    def perplexity_ratio(self) -> float | None:
        """The second's perplexity divided by the first's; `None` if their tokens differ."""
        return _exp(-self.difference) if self.per == "token" else None

    @property
    def ratio_interval(self) -> tuple[float, float] | None:
        """The interval of the ratio; `None` if the models' tokens differ."""
        return (_exp(-self.high), _exp(-self.low)) if self.per == "token" else None

    def to_table(self) -> dict[str, Any]:
        """Return all figures for JSON."""
        return {
            "perplexities": [finite(perplexity) for perplexity in self.perplexities],
            "perplexity_ratio": finite(self.perplexity_ratio),
            "ratio_interval": self.ratio_interval and [finite(end) for end in self.ratio_interval],
            "difference": self.difference,
            "difference_interval": [self.low, self.high],
            "per": self.per,
            "confidence": self.confidence,
            "p_value": self.p_value,
            "log_probs": list(self.log_probs),
            "num_tokens": list(self.num_tokens),
            "num_units": self.num_units,
            "unit": self.unit,
            "resamples": self.resamples,
        }

    def describe(self) -> list[str]:
        """Return the figures as aligned lines for a person."""
        first, second = self.perplexities
        figures = {
            "perplexity": f"{first:,.2f} and {second:,.2f}",
            "difference": f"{self.difference:+.4f} nats per {self.per}, {self._between(self.low, self.high, '+.4f')}",
        }
        if self.perplexity_ratio is not None and self.ratio_interval is not None:
            figures["ratio"] = f"{self.perplexity_ratio:.4f}, {self._between(*self.ratio_interval, '.4f')}"
        figures["p-value"] = f"{self.p_value:.2g}"
        width = max(map(len, figures))
        return [*(f"{name:<{width}}  {figure}" for name, figure in figures.items()), f"({self._protocol()})"]

    def _between(self, low: float, high: float, form: str) -> str:
        return f"{100 * self.confidence:.4g} % interval {low:{form}} to {high:{form}}"

    def _protocol(self) -> str:
        units = f"{self.num_units:,} " + ("lines" if self.unit == "line" else f"blocks of {BLOCK_LINES} lines")
        return f"the second against the first; paired bootstrap and permutation over {units}, {self.resamples:,} draws"


def lines_of(log_probs: NDArray[np.float64], ids: TokenIds, *, end_id: int) -> LineScores:
    """Return the scores of the lines of a text, which end at `<eos>`, from the log-probabilities of its tokens `(N,)`.

    Raises:
        EvaluationError: A token has no probability at all.
    """
    if not np.isfinite(log_probs).all():
        raise EvaluationError(
            "log-probabilities to be compared must be finite, but a token has the probability 0; mix in another model"
        )
    begins = np.flatnonzero(np.concatenate(([True], np.asarray(ids[:-1]) == end_id)))
    return LineScores(np.add.reduceat(log_probs, begins), np.diff(begins, append=len(ids)))


def compare_lines(
    first: LineScores,
    second: LineScores,
    *,
    unit: Unit = "line",
    confidence: float = 0.95,
    resamples: int = 4_999,
    seed: int = 0,
) -> Comparison:
    """Compare two models by the lines of one text; their vocabularies may differ.

    If they cut a line into different numbers of tokens, the difference is that of a line's mean log-probability,
    which does not depend on how it is cut. A model that reads more `<unk>` has it easier, though.

    Args:
        first: The scores of one model, from `lines_of`.
        second: Those of the other.
        unit: What is resampled.
        confidence: The part of intervals that are to hold the true difference.
        resamples: How often units are drawn, for interval and p-value; the latter is at least `1 / (1 + resamples)`.
        seed: Seed of what is drawn.

    Raises:
        EvaluationError: The models did not read the same lines, or there are fewer than two units.
        MissingExtraError: SciPy is not installed.
        SettingError: A number leaves its range.

    Example:
        >>> first = LineScores(np.array([-20.0, -31.0, -12.0]), np.array([5, 8, 3]))
        >>> second = LineScores(np.array([-18.0, -30.0, -11.0]), np.array([5, 8, 3]))
        >>> compare_lines(first, second).difference
        0.25
    """
    _require_comparable(first, second, confidence, resamples)
    alike = np.array_equal(first.num_tokens, second.num_tokens)
    differences = _units(second.log_probs - first.log_probs, unit)
    counts = _units(first.num_tokens if alike else np.ones_like(first.num_tokens), unit)
    if len(counts) < 2:
        raise EvaluationError(
            f"a comparison needs at least 2 {unit}s, but the text has {len(counts)}; give more text, or a smaller unit"
        )
    low, high = _interval(differences, counts, confidence, resamples, seed)
    return Comparison(
        difference=float(differences.sum() / counts.sum()),
        low=low,
        high=high,
        confidence=confidence,
        p_value=_p_value(differences, resamples, seed),
        per="token" if alike else "line",
        log_probs=(float(first.log_probs.sum()), float(second.log_probs.sum())),
        num_tokens=(int(first.num_tokens.sum()), int(second.num_tokens.sum())),
        num_units=len(counts),
        unit=unit,
        resamples=resamples,
    )


def _require_comparable(first: LineScores, second: LineScores, confidence: float, resamples: int) -> None:
    require_at_least("resamples", resamples, 99)
    if not 0 < confidence < 1:
        raise SettingError(f"`confidence` must lie between 0 and 1, but is {confidence}")
    if len(first.log_probs) != len(second.log_probs):
        raise EvaluationError(
            f"models must be compared on the same lines, but one read {len(first.log_probs)} and the other "
            f"{len(second.log_probs)}; score the same text, with the same kind of line ends"
        )


def _units(of_lines: NDArray[Any], unit: Unit) -> NDArray[np.float64]:
    """Return the sums over units; the last block may be shorter."""
    begins = np.arange(0, len(of_lines), 1 if unit == "line" else BLOCK_LINES)
    return np.add.reduceat(of_lines.astype(np.float64), begins)


def _interval(
    differences: NDArray[np.float64], counts: NDArray[np.float64], confidence: float, resamples: int, seed: int
) -> tuple[float, float]:
    """Return the paired bootstrap's percentile interval of the mean difference."""
    try:
        from scipy.stats import bootstrap
    except ImportError as error:
        raise MissingExtraError.of("comparing models needs SciPy", None, "train") from error
    found = bootstrap(
        (differences, counts),
        lambda difference, count, axis: difference.sum(axis=axis) / count.sum(axis=axis),
        paired=True,
        vectorized=True,
        n_resamples=resamples,
        batch=max(1, _MOST_NUMBERS // len(counts)),
        confidence_level=confidence,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return float(found.low), float(found.high)


def _p_value(differences: NDArray[np.float64], resamples: int, seed: int) -> float:
    """Return how often the difference is as large once the models' places are changed in units at random.

    The difference as it is counts as one draw. SciPy's `permutation_test` takes a hundred times as long.
    """
    random, observed, as_large = np.random.default_rng(seed), abs(differences.sum()), 1
    batch = max(1, _MOST_NUMBERS // len(differences))
    for done in range(0, resamples, batch):
        changed = random.random((min(batch, resamples - done), len(differences)), np.float32) < 0.5
        sums = differences.sum() - 2.0 * changed @ differences
        as_large += int(np.count_nonzero(np.abs(sums) >= observed * (1 - 1e-9)))
    return as_large / (1 + resamples)


def _exp(exponent: float) -> float:
    with np.errstate(over="ignore"):
        return float(np.exp(exponent))
