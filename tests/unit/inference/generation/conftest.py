"""A recurrent model, and tokenizers of all kinds."""

from collections.abc import Callable

import numpy as np
import pytest

from nextword.engine.engine import Engine
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary
from support.toy_engine import ToyEngine


@pytest.fixture(scope="session")
def toy_engine() -> Callable[..., Engine]:
    def made(seed: int = 1, *, vocabulary_size: int = 5, logit_scale: float = 2.0) -> Engine:
        return ToyEngine(vocabulary_size, 0, seed=seed, hidden_size=3, logit_scale=logit_scale)

    return made


@pytest.fixture(scope="session")
def log_prob_of() -> Callable[..., float]:
    """Returns the log-probability of ids after a prompt, computed from the beginning."""

    def log_prob(engine: Engine, prompt: tuple[int, ...], ids: tuple[int, ...]) -> float:
        whole = np.array([[*prompt, *ids]], np.int32)
        scores = engine.score(whole, np.array([whole.shape[1]], np.int32))
        return float(scores.log_probs[0, len(prompt) :].astype(np.float64).sum())

    return log_prob


@pytest.fixture(scope="session")
def words() -> Tokenizer:
    """Tokens separated by spaces."""
    return Tokenizer("pretokenized", "line", Vocabulary(("<eos>", "<unk>", "a", "b", "c")))


@pytest.fixture(scope="session")
def running_text() -> Tokenizer:
    """Words and punctuation marks; 0 is `<eos>`."""
    tokens = ("<eos>", "<unk>", "He", "said", ", ", ",", ' "', '"', "no", ".", ". ", "don't", "don", "'", "t", "he")
    return Tokenizer("word", "line", Vocabulary((*tokens, "New", "York", "-", "No")))


@pytest.fixture(scope="session")
def characters() -> Tokenizer:
    return Tokenizer("character", "line", Vocabulary(("<eos>", "<unk>", "a", "r", "t", "y", " ", ".", "A")))
