"""One tokenizer of each kind, and an engine for it."""

from collections.abc import Callable

import numpy as np
import pytest

from nextword.engine.text_model import TextModel
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
def model_of(tokenizer_of: Callable[[str], Tokenizer]) -> Callable[[Tokenizer | str], TextModel]:
    """Makes a model with a tokenizer, or with that of a kind; models with the same tokenizer are equal."""

    def make(tokenizer: Tokenizer | str) -> TextModel:
        chosen = tokenizer_of(tokenizer) if isinstance(tokenizer, str) else tokenizer
        return TextModel(ToyEngine(chosen.vocabulary_size, chosen.vocabulary.end_id, seed=7), chosen)

    return make


@pytest.fixture(scope="session")
def text_log_prob(model_of: Callable[[Tokenizer], TextModel]) -> Callable[[Tokenizer, str], float]:
    """Scores a whole line, including its end."""

    def score(tokenizer: Tokenizer, line: str) -> float:
        ids = np.array([[*tokenizer.encode(line), 2]], np.int32)
        scores = model_of(tokenizer).engine.score(ids, np.array([ids.shape[1]], np.int32))
        return float(scores.log_probs.sum(dtype=np.float64)) + spelling_log_prob(tokenizer, line)

    return score
