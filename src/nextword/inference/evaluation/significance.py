r"""Significance of the difference between two models on a text.

Tokens are not independent. Lines are more independent, and blocks of lines even more, so a unit $u$ is a line or a
block. The two models assign log-probabilities $a_u$ and $b_u$ to its $n_u$ tokens. The difference of the mean
log-probabilities of a token gives the ratio of the perplexities:

$$d = \frac{\sum_u (b_u - a_u)}{\sum_u n_u}, \qquad \frac{\text{perplexity}_b}{\text{perplexity}_a} = e^{-d}$$

The confidence interval comes from a paired bootstrap, which resamples units with replacement. The p-value comes from a
paired permutation test, which swaps the two models in random units.

Source:
    Efron and Tibshirani (1993), "An Introduction to the Bootstrap", chapters 13 and 15.
"""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.display.table import html_stack, html_table, table_lines
from nextword.errors import EvaluationError, MissingExtraError, SettingError
from nextword.settings import require_at_least
from nextword.system.strict_json import finite
from nextword.text.batching.window import TokenIds

Unit = Literal["line", "block"]
"""The independent unit: a line, or a block of lines if each line depends on earlier ones."""

BLOCK_LINES = 32
"""Lines of a block."""

_MAX_DRAWS = 2**21
"""Most random numbers in memory: 16 MiB."""


class LineScores(NamedTuple):
    """Scores of the lines of a text."""

    log_probs: NDArray[np.float64]  # natural log-probability of each line `(L,)`, float64
    num_tokens: NDArray[np.int64]  # tokens of each line, including `<eos>` `(L,)`


@dataclass(frozen=True)
class Comparison:
    """The difference between two models on a text.

    Attributes:
        difference: Mean log-probability of the second model minus that of the first, in nats. The second model is
            better if it is positive.
        low: Lower end of the confidence interval of the difference.
        high: Upper end of the confidence interval.
        confidence: Confidence level of the interval.
        p_value: Two-sided p-value, under the null hypothesis that both models are equally good.
        per: Whether the mean is over tokens, or over lines because the tokenizations differ.
        log_probs: Log-probability of the whole text for each model.
        num_tokens: Number of tokens of the text for each model.
        num_units: Number of units.
        unit: Kind of unit.
        resamples: Number of resamples.

    Example:
        >>> import numpy as np
        >>> ids = np.tile(np.array([2, 3, 0], np.int32), 50)          # fifty lines of two words and `<eos>`, which is 0
        >>> random = np.random.default_rng(0)
        >>> first = random.normal(-5.0, 1.0, len(ids))
        >>> lines = [lines_of(log_probs, ids, end_id=0) for log_probs in (first, first + 0.1)]
        >>> comparison = compare_lines(*lines)
        >>> round(comparison.difference, 3), comparison.p_value < 0.01
        (0.1, True)
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
        """Perplexity of each model; comparable only if `per` is `token`."""
        return _exp(-self.log_probs[0] / self.num_tokens[0]), _exp(-self.log_probs[1] / self.num_tokens[1])

    @property
    def perplexity_ratio(self) -> float | None:
        """Perplexity of the second model divided by that of the first; `None` if their tokenizations differ."""
        return _exp(-self.difference) if self.per == "token" else None

    @property
    def ratio_interval(self) -> tuple[float, float] | None:
        """Confidence interval of the ratio; `None` if the tokenizations differ."""
        return (_exp(-self.high), _exp(-self.low)) if self.per == "token" else None

    def to_table(self) -> dict[str, Any]:
        """Return all values for JSON."""
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

    def figures(self) -> dict[str, str]:
        """Return formatted values by name."""
        first, second = self.perplexities
        figures = {
            "perplexity": f"{first:,.2f} and {second:,.2f}",
            "difference": f"{self.difference:+.4f} nats per {self.per}, {self._between(self.low, self.high, '+.4f')}",
        }
        if self.perplexity_ratio is not None and self.ratio_interval is not None:
            figures["ratio"] = f"{self.perplexity_ratio:.4f}, {self._between(*self.ratio_interval, '.4f')}"
        return figures | {"p-value": f"{self.p_value:.2g}"}

    def _repr_html_(self) -> str:
        return html_stack(html_table((), list(self.figures().items()), left=2), f"({self._protocol()})")

    def describe(self) -> list[str]:
        """Return the formatted values as aligned lines."""
        return [*table_lines(self.figures().items()), f"({self._protocol()})"]

    def _between(self, low: float, high: float, form: str) -> str:
        return f"{100 * self.confidence:.4g} % interval {low:{form}} to {high:{form}}"

    def _protocol(self) -> str:
        units = f"{self.num_units:,} " + ("lines" if self.unit == "line" else f"blocks of {BLOCK_LINES} lines")
        tests = "paired bootstrap and permutation test"
        return f"second model minus first; {tests} over {units}, {self.resamples:,} resamples"


def lines_of(log_probs: NDArray[np.float64], ids: TokenIds, *, end_id: int) -> LineScores:
    """Sum the log-probabilities of tokens `(N,)` over the lines of a text, which end at `<eos>`.

    Raises:
        EvaluationError: A token has probability 0.
    """
    if not np.isfinite(log_probs).all():
        raise EvaluationError(
            "compared log-probabilities must be finite, but a token has probability 0; interpolate with another model"
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
    """Compare two models on the lines of one text; their vocabularies may differ.

    If the numbers of tokens differ, the difference is that of the mean log-probability of a line, which does not depend
    on the tokenization. It still favors the model that reads more words as `<unk>`.
    """
    _require_comparable(first, second, confidence, resamples)
    same_tokens = np.array_equal(first.num_tokens, second.num_tokens)
    differences = _units(second.log_probs - first.log_probs, unit)
    counts = _units(first.num_tokens if same_tokens else np.ones_like(first.num_tokens), unit)
    if len(counts) < 2:
        raise EvaluationError(
            f"a comparison needs at least 2 {unit}s, but the text has {len(counts)}; use more text or a smaller unit"
        )
    low, high = _interval(differences, counts, confidence, resamples, seed)
    return Comparison(
        difference=float(differences.sum() / counts.sum()),
        low=low,
        high=high,
        confidence=confidence,
        p_value=_p_value(differences, resamples, seed),
        per="token" if same_tokens else "line",
        log_probs=(float(first.log_probs.sum()), float(second.log_probs.sum())),
        num_tokens=(int(first.num_tokens.sum()), int(second.num_tokens.sum())),
        num_units=len(counts),
        unit=unit,
        resamples=resamples,
    )


def _require_comparable(first: LineScores, second: LineScores, confidence: float, resamples: int) -> None:
    require_at_least("resamples", resamples, 99)
    if not 0 < confidence < 1:
        raise SettingError(f"`confidence` must be between 0 and 1, but is {confidence}")
    if len(first.log_probs) != len(second.log_probs):
        raise EvaluationError(
            f"models must be compared on the same lines, but one has {len(first.log_probs)} and the other "
            f"{len(second.log_probs)}; score the same text with the same kind of line ends"
        )


def _units(lines: NDArray[Any], unit: Unit) -> NDArray[np.float64]:
    """Return sums of the values of lines over units; the last block may be shorter."""
    begins = np.arange(0, len(lines), 1 if unit == "line" else BLOCK_LINES)
    return np.add.reduceat(lines.astype(np.float64), begins)


def _interval(
    differences: NDArray[np.float64], counts: NDArray[np.float64], confidence: float, resamples: int, seed: int
) -> tuple[float, float]:
    """Return the percentile interval of the mean difference from a paired bootstrap."""
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
        batch=max(1, _MAX_DRAWS // len(counts)),
        confidence_level=confidence,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return float(found.low), float(found.high)


def _p_value(differences: NDArray[np.float64], resamples: int, seed: int) -> float:
    """Return how often the difference is at least as large if the models are swapped in random units.

    The observed difference counts as one draw. SciPy's `permutation_test` takes a hundred times as long.
    """
    random, observed, as_large = np.random.default_rng(seed), abs(differences.sum()), 1
    batch = max(1, _MAX_DRAWS // len(differences))
    for done in range(0, resamples, batch):
        swapped = random.random((min(batch, resamples - done), len(differences)), np.float32) < 0.5
        sums = differences.sum() - 2.0 * swapped @ differences
        as_large += int(np.count_nonzero(np.abs(sums) >= observed * (1 - 1e-9)))
    return as_large / (1 + resamples)


def _exp(exponent: float) -> float:
    with np.errstate(over="ignore"):
        return float(np.exp(exponent))
