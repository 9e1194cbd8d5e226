"""One tokenizer of each kind, and an engine for it."""

from collections.abc import Callable

import numpy as np
import pytest

from nextword.text.tokens.encoded_lines import spelling_log_prob
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary
from support.toy_engine import ToyEngine

VOCABULARIES = {
    "pretokenized": ("a", "b", "<eos>", "ab", "ba", "<unk>"),
    "word": ("a", "b", "<eos>", "ab", ", ", ",", "<unk>", " - ", "-"),
    "subword": ("a", " ", "<eos>", "b", "<unk>", ",", " a", "ab"),
    "character": ("a", " ", "<eos>", "b", "<unk>", ","),
}


@pytest.fixture(params=list(VOCABULARIES))
def each_tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    """One of each kind."""
    return Tokenizer(request.param, "line", Vocabulary(VOCABULARIES[request.param]))


@pytest.fixture(scope="session")
def tokenizer_of() -> Callable[[str], Tokenizer]:
    """Makes the tokenizer of a kind."""
    return lambda kind: Tokenizer(kind, "line", Vocabulary(VOCABULARIES[kind]))  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def engine_for() -> Callable[[Tokenizer], ToyEngine]:
    """Makes an engine for a tokenizer."""
    return lambda each_tokenizer: ToyEngine(each_tokenizer.vocabulary_size, each_tokenizer.vocabulary.end_id, seed=7)


@pytest.fixture(scope="session")
def text_log_prob(engine_for: Callable[[Tokenizer], ToyEngine]) -> Callable[[Tokenizer, str], float]:
    """Scores a whole line, including its end."""

    def score(each_tokenizer: Tokenizer, line: str) -> float:
        ids = np.array([[*each_tokenizer.encode(line), 2]], np.int32)
        scores = engine_for(each_tokenizer).score(ids, np.array([ids.shape[1]], np.int32))
        return float(scores.log_probs.sum(dtype=np.float64)) + spelling_log_prob(each_tokenizer, line)

    return score
