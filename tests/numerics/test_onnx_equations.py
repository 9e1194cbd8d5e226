"""Exported graphs match their equations in float64 NumPy, token by token."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nextword.engine.onnx_engine import OnnxEngine
from nextword.export.language_model_graph import language_model_graph
from nextword.model.architecture import Architecture
from nextword.text.batching.window import TokenIds
from support.cell_equations import step
from support.random_weights import random_weights

Weights = Mapping[str, NDArray[np.float32]]
Array = NDArray[np.float64]

SIZES: dict[str, Any] = {"vocabulary_size": 11, "embedding_size": 6, "hidden_sizes": (5, 6)}

CASES: list[dict[str, Any]] = [
    {},
    {"tied": True},
    {"state_modulation": True},
    {"cell": "gru"},
    {"cell": "rnn", "hidden_sizes": (7,)},
]


def log_softmax(x: Any) -> Any:
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))


def projected(a: Architecture, w: Weights, embeddings: Array, h: Any) -> Any:
    return log_softmax(h @ (embeddings.T if a.tied else w["kernel"]) + w["bias"])


def equations(a: Architecture, weights: Weights, ids: TokenIds) -> tuple[Array, Array]:
    """Return log-probabilities `(B, T, V)` and hidden states `(B, T, H)`."""
    by_layer: dict[str, dict[str, Any]] = {}
    for name, weight in weights.items():
        layer, _, own = name.partition("/")
        by_layer.setdefault(layer, {})[own] = weight.astype(np.float64)
    embeddings = by_layer["embedding"]["embeddings"]
    state = [(np.zeros((len(ids), size)), np.zeros((len(ids), size))) for size in a.hidden_sizes]
    outputs = []
    for column in ids.T:
        x = embeddings[column]
        for index, (h, s) in enumerate(state):
            state[index] = step(a, by_layer[f"{a.cell}_{index}"], x, h, s)
            x = state[index][0]
        outputs.append(x)
    hidden = np.stack(outputs, axis=1)
    return projected(a, by_layer["projection"], embeddings, hidden), hidden


def differences(changes: dict[str, Any]) -> tuple[float, float]:
    """Return the differences between graph and equations, in log-probabilities and hidden states."""
    architecture, random = Architecture(**{**SIZES, **changes}), np.random.default_rng(1)
    weights = random_weights(architecture)
    ids = random.integers(11, size=(3, 5), dtype=np.int32)
    data = language_model_graph(architecture, weights).SerializeToString()
    engine = OnnxEngine(data, architecture=architecture, end_id=3, num_threads=1)
    found, _ = engine.predict_window(ids, engine.start(3))
    log_probs, hidden = equations(architecture, weights, ids)
    assert found.hidden is not None
    return float(np.abs(found.log_probs - log_probs).max()), float(np.abs(found.hidden - hidden).max())


@pytest.mark.parametrize("changes", CASES, ids=str)
def test_an_exported_graph_computes_the_equations(changes: dict[str, Any]) -> None:
    assert max(differences(changes)) < 2e-5
