"""Recurrent engines that write texts, and tokenizers of all kinds."""

import numpy as np

from nextword.engine.engine import Engine
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary
from support.engine_scores import scores_of
from support.toy_engine import ToyEngine

WORDS = Tokenizer("pretokenized", "line", Vocabulary(("<eos>", "<unk>", "a", "b", "c")))
"""Tokens separated by spaces."""

_TOKENS = ("<eos>", "<unk>", "He", "said", ", ", ",", ' "', '"', "no", ".", ". ", "don't", "don", "'", "t", "he")
RUNNING_TEXT = Tokenizer("word", "line", Vocabulary((*_TOKENS, "New", "York", "-", "No")))
"""Words and punctuation marks; 0 is `<eos>`."""

CHARACTERS = Tokenizer("character", "line", Vocabulary(("<eos>", "<unk>", "a", "r", "t", "y", " ", ".", "A")))


def toy_engine(seed: int = 1, *, vocabulary_size: int = 5, logit_scale: float = 2.0) -> ToyEngine:
    """Return a recurrent engine whose texts end with 0."""
    return ToyEngine(vocabulary_size, 0, seed=seed, hidden_size=3, logit_scale=logit_scale)


def log_prob_of(engine: Engine, prompt: tuple[int, ...], ids: tuple[int, ...]) -> float:
    """Return the log-probability of ids after a prompt, computed from the beginning."""
    whole = np.array([[*prompt, *ids]], np.int32)
    scores = scores_of(engine, whole, np.array([whole.shape[1]], np.int32))
    return float(scores.log_probs[0, len(prompt) :].astype(np.float64).sum())
