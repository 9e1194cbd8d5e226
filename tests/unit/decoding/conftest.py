"""A recurrent engine that counts its steps, and tokenizers that suit it."""

from collections.abc import Callable

import numpy as np
import pytest

from nextword.text.tokenizer import Tokenizer
from nextword.text.vocabulary import Vocabulary
from support.toy_engine import ToyEngine

VOCABULARIES = {
    "pretokenized": ("a", "b", "<eos>", "ab", "ba", "<unk>"),
    "word": ("a", "b", "<eos>", "ab", ", ", ",", "<unk>", " - ", "-"),
    "subword": ("a", " ", "<eos>", "b", "<unk>", ",", " a", "ab"),
    "character": ("a", " ", "<eos>", "b", "<unk>", ","),
}


@pytest.fixture(params=list(VOCABULARIES))
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    """One of each kind."""
    return Tokenizer(request.param, "line", Vocabulary(VOCABULARIES[request.param]))


@pytest.fixture(scope="session")
def tokenizer_of() -> Callable[[str], Tokenizer]:
    """Makes the tokenizer of a kind."""
    return lambda kind: Tokenizer(kind, "line", Vocabulary(VOCABULARIES[kind]))  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def toy_engine() -> Callable[[Tokenizer], ToyEngine]:
    """Makes an engine for a tokenizer."""
    return lambda tokenizer: ToyEngine(tokenizer.vocabulary_size, tokenizer.vocabulary.end_id, seed=7)


@pytest.fixture(scope="session")
def line_log_prob(toy_engine: Callable[[Tokenizer], ToyEngine]) -> Callable[[Tokenizer, str], float]:
    """Scores a line at once, its end included."""

    def score(tokenizer: Tokenizer, line: str) -> float:
        ids = np.array([[*tokenizer.encode(line), 2]], np.int32)
        scores = toy_engine(tokenizer).score(ids, np.array([ids.shape[1]], np.int32))
        return float(scores.log_probs.sum(dtype=np.float64))

    return score
