"""Random n-best lists, and the exact scores of lines."""

import numpy as np

from nextword.engine.engine import Engine
from nextword.inference.rescoring.weights import Features
from nextword.text.tokens.encoded_lines import spelling_log_prob
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary
from support.toy_engine import ToyEngine

_WORDS = ("the", "cat", "<eos>", "sat", "cats", "at", "<unk>")
TOKENIZER = Tokenizer("pretokenized", "line", Vocabulary(_WORDS))


def new_engine() -> ToyEngine:
    """Return a recurrent engine for the tokenizer."""
    return ToyEngine(len(_WORDS), _WORDS.index("<eos>"))


def line_log_prob(line: str) -> float:
    """Return the log-probability of a line, read in single steps."""
    engine: Engine = new_engine()
    state, last, total = engine.start(1), engine.end_id, 0.0
    for token_id in [*TOKENIZER.encode(line), engine.end_id]:
        log_probs, state = engine.step(np.array([last], np.int32), state)
        total, last = total + float(log_probs[0, token_id]), token_id
    return total + spelling_log_prob(TOKENIZER, line)


def features_of(seed: int, num_utterances: int = 40, most: int = 12, num_scores: int = 1) -> Features:
    """Return random lists in which model and first pass correlate with the errors, and length does not."""
    random = np.random.default_rng(seed)
    sizes = random.integers(1, most + 1, num_utterances)
    errors = random.poisson(2.0, sizes.sum())
    noises = random.normal(size=(sizes.sum(), 2 + num_scores))
    values = -errors[:, None] * ([3.0, 0.0] + [2.0] * num_scores) + 5.0 * noises
    values[:, 1] = random.integers(3, 9, sizes.sum())
    return Features(values, errors, np.concatenate(([0], np.cumsum(sizes))))
