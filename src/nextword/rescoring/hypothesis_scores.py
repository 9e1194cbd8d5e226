"""The model's log-probabilities of hypotheses: each is read once, as a line of its own."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.engine.engine import Engine
from nextword.errors import EvaluationError, TextError
from nextword.rescoring.nbest import NbestList
from nextword.scoring.sentence_scores import score_sentences
from nextword.text.tokenizer import Tokenizer

_CHUNK = 4096
"""About how many hypotheses are held and sorted by length at once."""


class ScoredList(NamedTuple):
    """The hypotheses of an utterance, and what the model says of them.

    Attributes:
        nbest: The hypotheses, `n` of them.
        log_probs: Natural logarithm of the probability of each as a line, its `<eos>` included `(n,)`, float64.
    """

    nbest: NbestList
    log_probs: NDArray[np.float64]

    def features(self) -> NDArray[np.float64]:
        """Return what is weighted `(n, F)`: log-probability, number of words, scores of the first pass."""
        hypotheses = self.nbest.hypotheses
        lengths = [[float(len(hypothesis.text.split()))] for hypothesis in hypotheses]
        first_pass = np.array([hypothesis.first_pass for hypothesis in hypotheses], np.float64)
        return np.concatenate((self.log_probs[:, None], lengths, first_pass.reshape(len(hypotheses), -1)), axis=1)


def score_lists(engine: Engine, tokenizer: Tokenizer, lists: Iterable[NbestList]) -> Iterator[ScoredList]:
    """Yield each list with the model's scores, in the order in which they come, holding a few thousand hypotheses.

    Raises:
        TextError: The tokenizer refuses a hypothesis.
    """
    held: list[NbestList] = []
    num_held = 0
    for nbest in lists:
        held.append(nbest)
        num_held += len(nbest.hypotheses)
        if num_held >= _CHUNK:
            yield from _scored(engine, tokenizer, held)
            held, num_held = [], 0
    yield from _scored(engine, tokenizer, held)


def line_log_probs(engine: Engine, lines: Sequence[Sequence[int]]) -> NDArray[np.float64]:
    """Return the log-probability of each line of ids, `<eos>` after it included `(N,)`, each read from `<eos>` on.

    Raises:
        EvaluationError: A line has no probability at all.
    """
    ended = [np.array([*line, engine.end_id], np.int32) for line in lines]
    scored = score_sentences(engine, ended, first_input=engine.end_id)
    found = np.array([scores.log_probs.sum(dtype=np.float64) for scores in scored])
    if not np.isfinite(found).all():
        raise EvaluationError("a log-probability must be finite to be weighted, but is not; the model is not sound")
    return found


def _scored(engine: Engine, tokenizer: Tokenizer, lists: Sequence[NbestList]) -> Iterator[ScoredList]:
    lines = [_encoded(tokenizer, nbest.utterance, each.text) for nbest in lists for each in nbest.hypotheses]
    log_probs = line_log_probs(engine, lines)
    first = 0
    for nbest in lists:
        yield ScoredList(nbest, log_probs[first : first + len(nbest.hypotheses)])
        first += len(nbest.hypotheses)


def _encoded(tokenizer: Tokenizer, utterance: str, text: str) -> list[int]:
    try:
        return tokenizer.encode(text)
    except TextError as error:
        raise TextError(f"a hypothesis of `{utterance}` cannot be scored: {error}") from error
