"""The same model on another backend of Keras, where only the reference paths exist."""

import inspect
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from nextword.architecture import Architecture
from nextword.engine.keras_engine import KerasEngine
from nextword.models.language_model import LanguageModel

TABLE = {"vocabulary_size": 11, "embedding_size": 6, "hidden_sizes": [5, 6], "output_dropout_rate": 0.5}


def results_of(architecture: Architecture, given: dict[str, Any]) -> dict[str, Any]:
    """Return all that a model computes; this very source runs in the other process, too."""
    model = LanguageModel(architecture)
    model.set_named_weights({name: given[name] for name in architecture.weight_shapes()})
    logits, state = model(given["tokens"])
    hidden, _ = model.hidden_states(given["tokens"])
    losses = model.token_losses(hidden, given["targets"], given["weights"])
    scores = KerasEngine(model, end_id=0).score(given["tokens"], given["lengths"])
    log_probs, _ = KerasEngine(model, end_id=0).step(given["tokens"][:, 0], state)
    states = {
        f"state {index} {name}": part for index, layer in enumerate(state) for name, part in layer._asdict().items()
    }
    found = {"logits": logits, "step": log_probs, **states, **losses._asdict(), **scores._asdict()}
    return {name: np.asarray(array) for name, array in found.items()}


SCRIPT = f"""
import json, sys
from typing import Any
import numpy as np
from nextword.architecture import Architecture
from nextword.engine.keras_engine import KerasEngine
from nextword.models.language_model import LanguageModel
import keras

{inspect.getsource(results_of)}

found = results_of(Architecture.from_table(json.loads(sys.argv[1])), dict(np.load(sys.argv[2])))
np.savez(sys.argv[3], backend=keras.backend.backend(), **found)
"""


@pytest.mark.parametrize("tied", [False, True], ids=["free", "tied"])
def test_numpy_and_jax_agree(tied: bool, tmp_path: Path) -> None:
    table = {**TABLE, "tied": tied}
    architecture = Architecture.from_table(table)
    random = np.random.default_rng(4)
    given: dict[str, Any] = {
        name: random.normal(size=shape).astype(np.float32) for name, shape in architecture.weight_shapes().items()
    }
    given |= {name: random.integers(11, size=(3, 7), dtype=np.int32) for name in ("tokens", "targets")}
    given |= {"weights": np.ones((3, 7), np.float32), "lengths": np.array([7, 3, 5], np.int32)}
    np.savez(tmp_path / "given.npz", **given)
    subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(table), tmp_path / "given.npz", tmp_path / "found.npz"],
        env={**os.environ, "KERAS_BACKEND": "numpy"},
        check=True,
    )
    there = dict(np.load(tmp_path / "found.npz"))
    assert (keras.backend.backend(), str(there.pop("backend"))) == ("jax", "numpy")
    here = results_of(architecture, given)
    assert here.keys() == there.keys()
    for name, array in here.items():
        scale = max(1.0, float(np.abs(array).max()))  # the total sums 21 losses
        np.testing.assert_allclose(there[name], array, rtol=0, atol=1e-5 * scale, err_msg=name)
