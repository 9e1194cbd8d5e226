"""Weights found for scored lists."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np

from nextword.rescoring.features import Features
from nextword.rescoring.hypothesis_scores import ScoredList
from nextword.rescoring.references import References
from nextword.rescoring.tuning import tune
from nextword.rescoring.weights import RescoringWeights
from nextword.rescoring.word_errors import EditCounts, word_errors


class TunedLists(NamedTuple):
    """What tuning came to.

    Attributes:
        weights: The weights that leave the fewest word errors.
        counts: The word errors of the hypotheses of each list.
        held_out: The place of the hypothesis of each list that is chosen by weights tuned on other lists; `None` where
            there is one list.
    """

    weights: RescoringWeights
    counts: Sequence[EditCounts]
    held_out: Sequence[int] | None


def tune_on_lists(
    lists: Sequence[ScoredList], references: References, weights: RescoringWeights, *, given: Collection[str] = ()
) -> TunedLists:
    """Return the weights that leave the fewest word errors; those that are `given` stay as they are.

    Raises:
        MissingExtraError: jiwer is not installed.
        SettingError: Nothing is left to be found.
        TextError: A reference is missing.
    """
    counts = [reference_errors(scored, references.of(scored.nbest)) for scored in lists]
    features = Features.of([scored.features() for scored in lists], [count.errors for count in counts])
    tuning = tune(features, weights, given=given)
    held_out = None if tuning.held_out is None else (tuning.held_out - features.begins[:-1]).tolist()
    return TunedLists(tuning.weights, counts, held_out)


def reference_errors(scored: ScoredList, reference: str) -> EditCounts:
    """Return the word errors of all hypotheses of an utterance."""
    return word_errors(reference, [hypothesis.text for hypothesis in scored.nbest.hypotheses])


def first_pass_agrees(lists: Sequence[ScoredList]) -> bool:
    """Return whether in most lists no hypothesis has a higher first score than the one that stands first."""
    firsts = [[each.first_pass[:1] for each in scored.nbest.hypotheses] for scored in lists]
    return bool(np.mean([scores[0] == max(scores) for scores in firsts]) >= 0.5)
