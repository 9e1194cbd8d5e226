"""The report of a rescoring run, as text or JSON."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nextword.errors import counted
from nextword.inference.evaluation.significance import Comparison, LineScores, compare_lines
from nextword.inference.rescoring.tally import AFTER, BEFORE, HELD_OUT, ErrorRates, Tally
from nextword.inference.rescoring.weights import RescoringWeights

FEW = 30
"""Utterances below which error rates and tuned weights are mostly chance."""


@dataclass(frozen=True)
class RescoringReport:
    """Error rates before and after rescoring, and the significance of their difference."""

    nbest: str  # the rescored file
    weights: RescoringWeights
    tuned_on: str  # the file that the weights were tuned on; empty if they were not tuned
    is_tuned_on_itself: bool  # whether this is the rescored file
    # Error rates, by the name of the choice: first pass, rescored, held out, oracle; empty without references.
    rates: Mapping[str, ErrorRates]
    # Comparison of the rescored errors with the first pass; `None` for a single utterance, or if the weights were tuned
    # on these utterances and none were held out.
    comparison: Comparison | None
    num_utterances: int
    num_hypotheses: int  # number of hypotheses in all lists
    num_changed: int  # number of lists with another first hypothesis than before
    num_unused: int  # number of references without a list

    def describe(self) -> list[str]:
        """Return the report as aligned lines of text."""
        lists = (
            f"{counted(self.num_utterances, 'utterance')}, {counted(self.num_hypotheses, 'hypothesis', 'hypotheses')}"
        )
        words = next(iter(self.rates.values())).num_words
        width = max(map(len, self.rates))
        lines = [f"{self.nbest}: {lists}, {counted(words, 'word')} in the references"]
        lines.append(f"{'':<{width}}      WER      CER   word errors")
        for who, rates in self.rates.items():
            lines.append(f"{who:<{width}}  {rates.wer:7.2%}  {rates.cer:7.2%}  {rates.word_errors:12,}")
        lines += self._difference()
        values = ", ".join(f"{name} {_shown(value)}" for name, value in self.weights.to_table().items())
        lines.append(f"weights: {values}")
        if self.num_unused:
            lines.append(f"({counted(self.num_unused, 'reference')} without hypotheses, not counted)")
        return [*lines, f"({self._origin()})"]

    def to_table(self) -> dict[str, Any]:
        """Return the report for JSON."""
        return {
            "nbest": self.nbest,
            "weights": self.weights.to_table(),
            "tuned_on": self.tuned_on or None,
            "is_tuned_on_itself": self.is_tuned_on_itself,
            "rates": {who: {"wer": rates.wer, "cer": rates.cer, **vars(rates)} for who, rates in self.rates.items()},
            "difference": self._difference_table(),
            "num_utterances": self.num_utterances,
            "num_hypotheses": self.num_hypotheses,
            "num_changed": self.num_changed,
            "num_unused_references": self.num_unused,
        }

    def _difference(self) -> list[str]:
        found = self.comparison
        if found is None:
            return []
        between = f"{-100 * found.high:+.2f} to {-100 * found.low:+.2f}"
        difference = f"{compared_choice(self.rates)} minus {BEFORE}: {0.0 - 100 * found.difference:+.2f} points of WER"
        if found.num_units < FEW:
            return [f"{difference} ({found.num_units} utterances are too few for an interval; use at least {FEW})"]
        return [
            f"{difference}, {100 * found.confidence:.4g} % interval {between}, p-value {found.p_value:.2g}",
            f"(paired bootstrap and permutation over {found.num_units:,} utterances, {found.resamples:,} resamples)",
        ]

    def _difference_table(self) -> dict[str, Any] | None:
        found = self.comparison
        if found is None:
            return None
        return {
            "compared": [BEFORE, compared_choice(self.rates)],
            "wer": 0.0 - found.difference,
            "interval": [0.0 - found.high, 0.0 - found.low],
            "confidence": found.confidence,
            "p_value": found.p_value,
            "resamples": found.resamples,
        }

    def _origin(self) -> str:
        if self.is_tuned_on_itself:
            held_out = f"; `{HELD_OUT}` uses weights tuned on the other utterances" if HELD_OUT in self.rates else ""
            return f"weights tuned on the same utterances, so `{AFTER}` is too optimistic{held_out}"
        if self.tuned_on:
            return f"weights tuned on `{self.tuned_on}`, which has other utterances"
        return "weights not tuned"


def compare_errors(tally: Tally) -> Comparison | None:
    """Compare the word errors after rescoring with those of the first pass; above 0, rescoring has fewer errors.

    If the weights were tuned on these utterances, the held-out choices are compared.

    Utterances are used like lines, errors like negative log-probabilities, and words like tokens. So the difference is
    that of the word error rates. An utterance with an empty reference is merged with the one before it.
    """
    words = np.array(tally.words, np.int64)
    begins = np.flatnonzero(words)
    if len(begins) < 2:
        return None
    begins[0] = 0
    before, after = (
        LineScores(
            np.add.reduceat(-tally.word_errors_of(who).astype(np.float64), begins), np.add.reduceat(words, begins)
        )
        for who in (BEFORE, compared_choice(tally.errors))
    )
    return compare_lines(before, after)


def compared_choice(chosen_by: Iterable[str]) -> str:
    """Return the choice to compare with the first pass: held out if there is one, otherwise rescored."""
    return HELD_OUT if HELD_OUT in chosen_by else AFTER


def _shown(value: Any) -> str:
    return ",".join(f"{number:g}" for number in value) if isinstance(value, list) else f"{value:g}"
