"""Rescores n-best lists with a model."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.engine.engine import Engine
from nextword.engine.text_model import TextModel
from nextword.errors import EvaluationError, SettingError, TextError
from nextword.inference.rescoring.nbest import (
    LOG_PROB,
    RANK,
    TEXT,
    TOTAL,
    UTTERANCE,
    Hypothesis,
    NbestFormat,
    NbestList,
)
from nextword.inference.rescoring.weights import DEFAULT_WEIGHTS, RescoringWeights
from nextword.inference.scoring.lines import score_sentences
from nextword.settings import require_several
from nextword.text.tokens.encoded_lines import spelling_log_prob
from nextword.text.tokens.tokenizer import Tokenizer

_CHUNK = 4096
"""About the number of hypotheses that are in memory and batched together."""

_DIGITS = 6


class ScoredList(NamedTuple):
    """The hypotheses of an utterance with the model's scores."""

    nbest: NbestList
    # Natural log-probability of each as a line, including `<eos>` and the spellings of unknown words `(n,)`, float64.
    log_probs: NDArray[np.float64]

    def features(self) -> NDArray[np.float64]:
        """Return the features `(n, F)`: log-probability, number of words, first-pass scores."""
        hypotheses = self.nbest.hypotheses
        lengths = [[float(len(hypothesis.text.split()))] for hypothesis in hypotheses]
        first_pass = np.array([hypothesis.first_pass for hypothesis in hypotheses], np.float64)
        return np.concatenate((self.log_probs[:, None], lengths, first_pass.reshape(len(hypotheses), -1)), axis=1)


def score_lists(model: TextModel, lists: Iterable[NbestList], *, lowercase: bool = False) -> Iterator[ScoredList]:
    """Yield each list with the model's scores, in order, with a few thousand hypotheses in memory.

    With `lowercase`, the model reads the hypotheses in lower case.
    """
    held: list[NbestList] = []
    num_held = 0
    for nbest in lists:
        held.append(nbest)
        num_held += len(nbest.hypotheses)
        if num_held >= _CHUNK:
            yield from _scored(model, held, lowercase=lowercase)
            held, num_held = [], 0
    yield from _scored(model, held, lowercase=lowercase)


def line_log_probs(engine: Engine, lines: Sequence[Sequence[int]]) -> NDArray[np.float64]:
    """Return the log-probability of each line of ids, including the `<eos>` at its end `(N,)`."""
    ended = [np.array([*line, engine.end_id], np.int32) for line in lines]
    scored = score_sentences(engine, ended, first_input=engine.end_id, ranks=False)
    found = np.array([scores.log_probs.sum(dtype=np.float64) for scores in scored])
    if not np.isfinite(found).all():
        raise EvaluationError(
            "the log-probability of a hypothesis must be finite, but is not; the model is damaged, train it again"
        )
    return found


def _scored(model: TextModel, lists: Sequence[NbestList], *, lowercase: bool) -> Iterator[ScoredList]:
    texts = ((nbest.utterance, each.text) for nbest in lists for each in nbest.hypotheses)
    lines = [_encoded(model.tokenizer, name, text.lower() if lowercase else text) for name, text in texts]
    log_probs = line_log_probs(model.engine, [ids for ids, _ in lines]) + np.array([spelling for _, spelling in lines])
    first = 0
    for nbest in lists:
        yield ScoredList(nbest, log_probs[first : first + len(nbest.hypotheses)])
        first += len(nbest.hypotheses)


def _encoded(tokenizer: Tokenizer, utterance: str, text: str) -> tuple[list[int], float]:
    """Return the ids of a hypothesis, and the log-probability of the spellings of its unknown words."""
    try:
        ids = tokenizer.encode(text)
        return ids, spelling_log_prob(tokenizer, text) if tokenizer.vocabulary.unknown_id in ids else 0.0
    except TextError as error:
        raise TextError(f"a hypothesis of `{utterance}` cannot be scored: {error}") from error


class Rescored(NamedTuple):
    """A rescored hypothesis.

    Attributes:
        text: The hypothesis.
        total: Its weighted sum of scores.
        log_prob: Its natural log-probability under the model.

    Example:
        >>> import nextword
        >>> weights = RescoringWeights(model_weight=0.5, length_weight=0.0, first_pass_weights=(1.0,))
        >>> best = rescore(nextword.load("austen"), ["she was happy"], [-4.0], weights)[0]
        >>> round(best.total, 6) == round(0.5 * best.log_prob - 4.0, 6)
        True
    """

    text: str
    total: float
    log_prob: float


def rescore(
    model: TextModel,
    hypotheses: Sequence[str],
    scores: Sequence[float | Sequence[float]],
    weights: RescoringWeights = DEFAULT_WEIGHTS,
) -> list[Rescored]:
    """Return the hypotheses of an utterance, the best first; ties keep their order.

    Args:
        model: The model.
        hypotheses: The hypotheses.
        scores: The first-pass score, or scores, of each hypothesis; higher is better.
        weights: The weights of log-probability, length and first-pass scores; by default 0.5, 0 and 1 each.

    Raises:
        SettingError: There are no hypotheses, scores are missing, or the number of weights does not fit.
        TextError: The tokenizer refuses a hypothesis.

    Example:
        >>> import nextword
        >>> weights = RescoringWeights(model_weight=0.5, length_weight=0.0, first_pass_weights=(1.0,))
        >>> rescore(nextword.load("austen"), ["she was table", "she was happy"], [-3.0, -4.0], weights)[0].text
        'she was happy'
    """
    require_several("hypotheses", hypotheses)
    require_several("scores", scores, "numbers")
    if not hypotheses or len(hypotheses) != len(scores):
        raise SettingError(
            f"there must be at least one hypothesis, and a score for each, but there are {len(hypotheses)} hypotheses "
            f"and {len(scores)} scores; add what is missing"
        )
    tuples = [tuple(np.atleast_1d(np.asarray(score, np.float64)).tolist()) for score in scores]
    if len(set(map(len, tuples))) > 1:
        raise SettingError(
            f"all hypotheses must have the same number of scores, but have {sorted(set(map(len, tuples)))}; add scores"
        )
    if not np.isfinite(tuples).all():
        raise SettingError("a score must be a finite number, but one is not; correct it, or leave its hypothesis out")
    weights = weights.for_scores([f"score{number}" for number in range(1, len(tuples[0]) + 1)])
    listed = [Hypothesis(text, first_pass, {}) for text, first_pass in zip(hypotheses, tuples, strict=True)]
    (scored,) = score_lists(model, [NbestList("", listed)])
    return [
        Rescored(listed[place].text, total, float(scored.log_probs[place]))
        for place, total in weights.ranking(scored.features())
    ]


def header_of(given: NbestFormat) -> Iterator[str]:
    """Yield the header of the output, if the input has one."""
    if given.kind == "tsv" and given.has_header:
        yield "\t".join((*given.columns, LOG_PROB, TOTAL, RANK))


def lines_of(scored: ScoredList, weights: RescoringWeights, given: NbestFormat) -> Iterator[str]:
    """Yield the hypotheses of an utterance, the best first, with three more columns.

    The columns are the model's log-probability, the total and the rank, 1 for the best. Ties keep their order.
    """
    for rank, (place, total) in enumerate(weights.ranking(scored.features()), start=1):
        record = scored.nbest.hypotheses[place].record
        log_prob = float(scored.log_probs[place])
        if given.kind == "jsonl":
            added = {LOG_PROB: round(log_prob, _DIGITS), TOTAL: round(total, _DIGITS), RANK: rank}
            yield json.dumps({**record, **added}, ensure_ascii=False, allow_nan=False)
        else:
            cells = [*(record[name] for name in given.columns), f"{log_prob:.{_DIGITS}f}", f"{total:.{_DIGITS}f}"]
            yield "\t".join([*cells, str(rank)])


def best_line(scored: ScoredList, weights: RescoringWeights, given: NbestFormat) -> str:
    """Return the utterance with only its best hypothesis."""
    best = scored.nbest.hypotheses[weights.ranking(scored.features())[0][0]]
    if given.kind == "jsonl":
        return json.dumps({UTTERANCE: scored.nbest.utterance, TEXT: best.text}, ensure_ascii=False)
    return f"{scored.nbest.utterance}\t{best.text}"
