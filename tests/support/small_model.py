"""Small models of words and characters, without a training framework."""

from collections.abc import Sequence

import numpy as np

from nextword.bundle.bundle import Bundle
from nextword.engine.engine import Engine
from nextword.engine.text_model import LoadedModel
from nextword.model.architecture import Architecture
from nextword.text.options import LineEnds, TokenizerKind
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary
from support.random_weights import random_weights
from support.small_mixture import with_mixture
from support.toy_engine import ToyEngine

_WIDTH = 4

_MARKS = (", ", ",", ". ", ".", '"', ' "', '" ', " - ", "-", " -", "'", " '")
_VOCABULARIES: dict[TokenizerKind, tuple[str, ...]] = {
    "pretokenized": ("the", "<unk>", "cat", "<eos>", "sat", "on", "mat", ".", "a\xa0b"),
    "word": ("the", "<unk>", "cat", "<eos>", "sat", "on", "don't", "it", "é", *_MARKS),
    "character": ("a", "<unk>", "b", "<eos>", " ", "c", "."),
}


def small_model(
    kind: TokenizerKind = "pretokenized", *, line_ends: LineEnds = "line", seed: int = 0, mixes: bool = False
) -> LoadedModel:
    """Return a model for a kind of tokens, with a NumPy network instead of that of its bundle.

    With `mixes`, its bundle has a mixture, which it uses.
    """
    tokenizer = Tokenizer(kind, line_ends, Vocabulary(_VOCABULARIES[kind]))
    size = tokenizer.vocabulary_size
    architecture = Architecture(vocabulary_size=size, embedding_size=_WIDTH, hidden_sizes=(_WIDTH,))
    weights = random_weights(architecture, seed)
    network = ToyEngine(size, tokenizer.vocabulary.end_id, seed=seed)
    bundle = Bundle(f"small-{kind}", architecture, tokenizer, weights, "")
    return LoadedModel(network, with_mixture(bundle) if mixes else bundle).using("mixture")


def step_by_step(engine: Engine, ids: Sequence[int], first_input: int) -> list[float]:
    """Return the log-probability of each token, read one at a time after a first input."""
    log_probs, state = engine.step(np.array([first_input], np.int32), engine.start(1))
    found = []
    for token_id in ids:
        found.append(float(log_probs[0, token_id]))
        log_probs, state = engine.step(np.array([token_id], np.int32), state)
    return found
