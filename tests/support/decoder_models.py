"""One tokenizer of each kind, and a model for it."""

import numpy as np

from nextword.engine.text_model import TextModel
from nextword.text.tokens.encoded_lines import spelling_log_prob
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary
from support.engine_scores import scores_of
from support.toy_engine import ToyEngine

VOCABULARIES = {
    "pretokenized": ("a", "b", "<eos>", "ab", "ba", "<unk>"),
    "word": ("a", "b", "<eos>", "ab", ", ", ",", "<unk>", " - ", "-"),
    "subword": ("a", " ", "<eos>", "b", "<unk>", ",", " a", "ab"),
    "character": ("a", " ", "<eos>", "b", "<unk>", ","),
}


def tokenizer_of(kind: str) -> Tokenizer:
    """Return the tokenizer of a kind."""
    return Tokenizer(kind, "line", Vocabulary(VOCABULARIES[kind]))  # type: ignore[arg-type]


def model_of(tokenizer: Tokenizer | str) -> TextModel:
    """Return a model with a tokenizer, or with that of a kind; models with the same tokenizer are equal."""
    chosen = tokenizer_of(tokenizer) if isinstance(tokenizer, str) else tokenizer
    return TextModel(ToyEngine(chosen.vocabulary_size, chosen.vocabulary.end_id, seed=7), chosen)


def text_log_prob(tokenizer: Tokenizer, line: str) -> float:
    """Return the log-probability of a whole line, including its end."""
    ids = np.array([[*tokenizer.encode(line), 2]], np.int32)
    scores = scores_of(model_of(tokenizer).engine, ids, np.array([ids.shape[1]], np.int32))
    return float(scores.log_probs.sum(dtype=np.float64)) + spelling_log_prob(tokenizer, line)


def num_read(model: TextModel) -> int:
    """Return how many tokens the engine of a model has read."""
    assert isinstance(model.engine, ToyEngine)
    return model.engine.num_read
