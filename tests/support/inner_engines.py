"""Inner engines for the tests of outer engines, and a cache around one."""

from typing import Any

import numpy as np

from nextword.bundle.bundle import Bundle
from nextword.bundle.mixture import MixtureSettings
from nextword.engine.distribution_engine import DistributionEngine
from nextword.engine.engine import Engine, State, WindowPrediction
from nextword.engine.mixture.cache import CachePart
from nextword.engine.mixture.mixture_engine import MixtureEngine
from nextword.engine.text_model import LoadedModel
from nextword.model.architecture import Architecture
from nextword.text.batching.window import TokenIds
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary
from support.toy_engine import ToyEngine

VOCABULARY_SIZE, END_ID = 11, 3

WORDS = ("<eos>", "<unk>", "a", "b", "c", "d", "e")


def toy_engine(seed: int, *, vocabulary_size: int = VOCABULARY_SIZE, hidden_size: int = 4) -> Engine:
    """Return a recurrent engine."""
    return ToyEngine(vocabulary_size, END_ID, seed=seed, hidden_size=hidden_size)


class BigramEngine(DistributionEngine):
    """Predicts from the last token with a random table; its hidden state is the token, one-hot."""

    def __init__(self, seed: int = 1, *, boldness: float = 1.0) -> None:
        super().__init__(vocabulary_size=len(WORDS), end_id=0)
        logits = boldness * np.random.default_rng(seed).normal(size=(len(WORDS), len(WORDS)))
        self.table = (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))).astype(np.float32)

    def start(self, batch_size: int) -> State:
        return batch_size

    def predict_window(self, inputs: TokenIds, state: State) -> tuple[WindowPrediction, State]:
        return WindowPrediction(self.table[inputs], np.eye(len(WORDS), dtype=np.float32)[inputs]), state


def text_of(engine: BigramEngine, count: int, seed: int = 3) -> TokenIds:
    """Return a text that follows the engine's own probabilities."""
    random, latest, ids = np.random.default_rng(seed), 0, []
    probabilities = np.exp(engine.table.astype(np.float64))
    for _ in range(count):
        latest = int(random.choice(len(WORDS), p=probabilities[latest] / probabilities[latest].sum()))
        ids.append(latest)
    return np.array(ids, np.int32)


def with_cache(engine: Engine, **settings: Any) -> MixtureEngine:
    """Return an engine that is mixed with a cache; its settings are those of a mixture."""
    return MixtureEngine(engine, [CachePart(MixtureSettings(**{"cache_weight": 0.1, **settings}))])


def model_of(engine: Engine, *, words: tuple[str, ...] = WORDS, name: str = "tiny") -> LoadedModel:
    """Return a model with a bundle around an engine."""
    architecture = Architecture(vocabulary_size=len(words), embedding_size=2, hidden_sizes=(2,))
    weights = {key: np.zeros(shape, np.float32) for key, shape in architecture.weight_shapes().items()}
    tokenizer = Tokenizer("pretokenized", "line", Vocabulary(words))
    return LoadedModel(engine, Bundle(name, architecture, tokenizer, weights, "# card"))
