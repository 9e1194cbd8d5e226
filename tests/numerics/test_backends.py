"""The same model on the other backends of Keras: NumPy uses the references, PyTorch its LSTM."""

import inspect
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from nextword.engine.keras_engine import KerasEngine
from nextword.model.architecture import Architecture
from nextword.model.language_model import LanguageModel
from support.random_weights import random_weights

TABLE = {"vocabulary_size": 11, "embedding_size": 6, "hidden_sizes": [5, 6], "output_dropout_rate": 0.5}
CHANGES: list[dict[str, Any]] = [
    {},
    {"tied": True},
    {"state_modulation": True},
    {"cell": "gru", "hidden_sizes": [6, 6]},
    {"cell": "rnn"},
]


def results_of(architecture: Architecture, given: dict[str, Any]) -> dict[str, Any]:
    """Return all results of a model; the other process runs this source code as well."""
    model = LanguageModel(architecture)
    model.set_named_weights({name: given[name] for name in architecture.weight_shapes()})
    logits, state = model(given["tokens"])
    hidden, _ = model.hidden_states(given["tokens"])
    losses = model.token_losses(hidden, given["targets"], given["weights"], ranks=True)
    in_training = model.token_losses(hidden, given["targets"], given["weights"], training=True)
    engine = KerasEngine(model, end_id=0)
    scores, _ = engine.score_window(given["tokens"], given["targets"], engine.start(len(given["tokens"])))
    log_probs, _ = engine.step(given["tokens"][:, 0], state)
    states = {
        f"state {index} {name}": part for index, layer in enumerate(state) for name, part in layer._asdict().items()
    }
    found = {"logits": logits, "step": log_probs, **states, **losses._asdict(), **scores._asdict()}
    found |= {f"{name} in training": part for name, part in in_training._asdict().items() if part is not None}
    return {name: keras.ops.convert_to_numpy(array) for name, array in found.items()}


SCRIPT = f"""
import json, sys
from typing import Any
import numpy as np
from nextword.model.architecture import Architecture
from nextword.engine.keras_engine import KerasEngine
from nextword.model.language_model import LanguageModel
import keras

{inspect.getsource(results_of)}

for table, given, found in json.loads(sys.argv[1]):
    results = results_of(Architecture.from_table(table), dict(np.load(given)))
    np.savez(found, backend=keras.backend.backend(), **results)
"""


def drawn(architecture: Architecture) -> dict[str, Any]:
    """Return weights and texts."""
    random = np.random.default_rng(4)
    weights = random_weights(architecture)
    texts = {name: random.integers(11, size=(3, 7), dtype=np.int32) for name in ("tokens", "targets")}
    return {**weights, **texts, "weights": np.ones((3, 7), np.float32)}


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_another_backend_and_jax_agree(tmp_path: Path, backend: str) -> None:
    if find_spec(backend) is None:
        pytest.skip(f"needs {backend}, which is not installed")
    tables = [{**TABLE, **changes} for changes in CHANGES]
    jobs = [(table, f"{tmp_path}/given-{i}.npz", f"{tmp_path}/found-{i}.npz") for i, table in enumerate(tables)]
    for table, given, _ in jobs:
        np.savez(given, **drawn(Architecture.from_table(table)))
    environment = {**os.environ, "KERAS_BACKEND": backend}
    subprocess.run([sys.executable, "-c", SCRIPT, json.dumps(jobs)], env=environment, check=True)
    for table, _, found in jobs:
        assert_same_results(Architecture.from_table(table), dict(np.load(found)), backend)


def assert_same_results(architecture: Architecture, there: dict[str, Any], backend: str) -> None:
    assert (keras.backend.backend(), str(there.pop("backend"))) == ("jax", backend)
    here = results_of(architecture, drawn(architecture))
    assert here.keys() == there.keys()
    for name, array in here.items():
        scale = max(1.0, float(np.abs(array).max()))  # the total sums 21 losses
        np.testing.assert_allclose(there[name], array, rtol=0, atol=1e-5 * scale, err_msg=name)
