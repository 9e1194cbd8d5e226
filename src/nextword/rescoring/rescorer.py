"""Hypotheses reordered by a model, from Python."""

from collections.abc import Sequence
from typing import NamedTuple

from nextword.engine.engine import Engine
from nextword.errors import SettingError
from nextword.rescoring.hypothesis_scores import score_lists
from nextword.rescoring.nbest import Hypothesis, NbestList
from nextword.rescoring.weights import RescoringWeights
from nextword.text.tokenizer import Tokenizer


class Rescored(NamedTuple):
    """A hypothesis in its new place.

    Attributes:
        text: What may have been said.
        total: The weighted sum that it was placed by.
        log_prob: Natural logarithm of the probability that the model gives it.
    """

    text: str
    total: float
    log_prob: float


def rescore(
    engine: Engine,
    tokenizer: Tokenizer,
    hypotheses: Sequence[str],
    scores: Sequence[float | Sequence[float]],
    weights: RescoringWeights,
) -> list[Rescored]:
    """Return the hypotheses of an utterance, the best first; equals stay in their order.

    Args:
        engine: The model at work.
        tokenizer: The model's.
        hypotheses: What may have been said.
        scores: The score, or the scores, that a recognizer gave each, the higher the better.
        weights: How much the model, the length and these scores count.

    Raises:
        SettingError: Scores are missing, or are as many as the weights are not.
        TextError: The tokenizer refuses a hypothesis.
    """
    if not hypotheses or len(hypotheses) != len(scores):
        raise SettingError(
            f"every hypothesis must have its score, and there must be one, but there are {len(hypotheses)} and "
            f"{len(scores)}"
        )
    tuples = [(float(score),) if isinstance(score, int | float) else tuple(map(float, score)) for score in scores]
    if len(set(map(len, tuples))) > 1:
        raise SettingError(f"every hypothesis must have as many scores, but they have {sorted(set(map(len, tuples)))}")
    weights = weights.for_scores([f"score{number}" for number in range(1, len(tuples[0]) + 1)])
    listed = [Hypothesis(text, first_pass, {}) for text, first_pass in zip(hypotheses, tuples, strict=True)]
    (scored,) = score_lists(engine, tokenizer, [NbestList("", listed)])
    return [
        Rescored(listed[place].text, total, float(scored.log_probs[place]))
        for place, total in weights.ranking(scored.features())
    ]
