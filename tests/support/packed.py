"""Reads packed models, and makes models of all kinds to pack."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextword.bundle.bundle import Bundle
from nextword.bundle.mixture import NO_GATES, Mixture, MixtureSettings
from nextword.display.page.packed_model import MAGIC
from nextword.engine.engine import Engine
from nextword.engine.mixture.kneser_ney import KneserNeyModel
from nextword.engine.mixture.mixture_engine import MixtureEngine, parts_of
from nextword.engine.mixture.pruning import packed_within
from nextword.engine.onnx_engine import OnnxEngine
from nextword.engine.text_model import TextModel
from nextword.export.language_model_graph import language_model_graph
from nextword.model.architecture import Architecture
from nextword.text.batching.window import TokenIds
from nextword.text.options import LineEnds, TokenizerKind
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary
from support.random_weights import random_weights
from support.small_mixture import random_gates

Floats = NDArray[np.float32]

TOKENS = ("<unk>", "<eos>", *(f"w{number}" for number in range(28)))

SIZES: dict[str, Any] = {"vocabulary_size": len(TOKENS), "embedding_size": 6, "hidden_sizes": (7, 6)}

ARCHITECTURES: dict[str, Architecture] = {
    "tied": Architecture(**SIZES, tied=True),
    "untied": Architecture(**SIZES),
    "modulated": Architecture(**SIZES, state_modulation=True),
    "gru": Architecture(**SIZES, cell="gru"),
    "rnn": Architecture(**SIZES, cell="rnn", tied=True),
}
"""All cells, and both output projections."""


def random_bundle(architecture: Architecture, tokenizer: Tokenizer | None = None, *, scale: float = 0.7) -> Bundle:
    """Return a model with random weights."""
    weights = random_weights(architecture, 5, scale=scale)
    return Bundle("tiny", architecture, tokenizer or Tokenizer("word", "line", Vocabulary(TOKENS)), weights, "# tiny\n")


def bundle_of_tokens(
    *tokens: str, kind: TokenizerKind = "word", line_ends: LineEnds = "line", scale: float = 0.7
) -> Bundle:
    """Return a small model of some tokens besides `<unk>` and `<eos>`, with random weights."""
    vocabulary = Vocabulary(("<unk>", "<eos>", *tokens))
    architecture = Architecture(vocabulary_size=len(vocabulary), embedding_size=5, hidden_sizes=(6,))
    return random_bundle(architecture, Tokenizer(kind, line_ends, vocabulary), scale=scale)


MIXTURES: dict[str, MixtureSettings] = {
    "n-grams": MixtureSettings(ngram_weight=0.3),
    "cache": MixtureSettings(cache_weight=0.5, cache_size=12, cache_theta=0.4),
    "both": MixtureSettings(
        ngram_weight=0.2,
        cache_weight=0.6,
        cache_size=12,
        cache_delay=3,
        cache_theta=0.7,
        cache_decay=0.1,
        cache_sentinel=9.0,
    ),
    "gates": MixtureSettings(
        ngram_weight=0.2, cache_weight=0.6, cache_size=12, cache_delay=3, cache_theta=0.7, cache_sentinel=9.0
    ),
}
"""What is mixed with a model; the cache holds fewer tokens than the texts of the tests have."""


def random_ids(count: int, vocabulary_size: int, *, seed: int) -> TokenIds:
    """Return a random text `(count,)` in which some n-grams are frequent, the same ones for each seed."""
    steps = np.random.default_rng(seed).zipf(1.3, size=count) % 97
    return np.cumsum(steps, dtype=np.int32) % vocabulary_size


def mixed(bundle: Bundle, name: str = "both") -> Bundle:
    """Return a model with one of `MIXTURES`, its n-grams of two to five tokens from a random text."""
    vocabulary = bundle.tokenizer.vocabulary
    ids = random_ids(3000, len(vocabulary), seed=3)
    model = KneserNeyModel.fit(ids, 5, vocabulary_size=len(vocabulary), end_id=vocabulary.end_id)
    ngrams = packed_within(model, ids, 20_000, end_id=vocabulary.end_id)
    gates = random_gates(bundle.architecture.hidden_sizes[-1]) if name == "gates" else NO_GATES
    return replace(bundle, mixture=Mixture(MIXTURES[name], ngrams if MIXTURES[name].ngram_weight else None, gates))


def header_of(packed: bytes) -> dict[str, Any]:
    """Return the header of a packed model."""
    assert packed.startswith(MAGIC)
    length = int.from_bytes(packed[8:12], "little")
    header: dict[str, Any] = json.loads(packed[12 : 12 + length])
    return header


def arrays_of(packed: bytes) -> dict[str, NDArray[Any]]:
    """Return the arrays of a packed model by name."""
    start = -(-(12 + int.from_bytes(packed[8:12], "little")) // 8) * 8
    return {
        entry["name"]: np.frombuffer(
            packed, entry["dtype"], int(np.prod(entry["shape"])), start + entry["offset"]
        ).reshape(entry["shape"])
        for entry in header_of(packed)["tensors"]
    }


def weights_of(packed: bytes) -> dict[str, Floats]:
    """Return the weights that the page computes with, in the layout of a bundle."""
    arrays, weights = arrays_of(packed), dict[str, Floats]()
    for name, array in arrays.items():
        if name.startswith("ngrams/") or name.endswith(("/scales", "/zero")):
            continue
        if array.ndim == 1:
            weights[name] = array
            continue
        zero = arrays.get(f"{name}/zero", np.zeros(1, np.float32))
        rows = (array.astype(np.float32) - zero) * arrays[f"{name}/scales"][:, None]
        weights[name] = rows if name == "embedding/embeddings" else np.ascontiguousarray(rows.T)
    return weights


def same_model(packed: bytes, bundle: Bundle) -> TextModel:
    """Return the Python model that has the rounded weights of a packed one, in float32, and its mixture."""
    graph = language_model_graph(bundle.architecture, weights_of(packed))
    vocabulary = bundle.tokenizer.vocabulary
    engine: Engine = OnnxEngine(graph.SerializeToString(), architecture=bundle.architecture, end_id=vocabulary.end_id)
    if bundle.mixture is not None:
        engine = MixtureEngine(engine, parts_of(bundle.mixture))
    return TextModel(engine, bundle.tokenizer)
