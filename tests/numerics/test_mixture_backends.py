"""The mixture of softmaxes on another backend of Keras, which uses the reference."""

import inspect
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from nextword.model.layers.mixture_projection import MixtureProjection
from nextword.model.layers.projection import TokenBatch


def results_of(given: dict[str, Any]) -> dict[str, Any]:
    """Return all results of the layer; the other process runs this source code as well."""
    layer = MixtureProjection(9, mixture_size=3, latent_size=4, name="projection")
    layer.build((None, 5))
    for weight in layer.weights:
        weight.assign(given[weight.name])
    arguments = (given["hidden"], given["targets"], given["weights"])
    found = {"log_probs": layer(given["hidden"])}
    for training in (False, True):
        losses = layer.losses_of(TokenBatch(*arguments, training=training, ranks=not training))._asdict().items()
        found |= {f"{name} {training}": part for name, part in losses if part is not None}
    return {name: np.asarray(array) for name, array in found.items()}


SCRIPT = f"""
import sys
from typing import Any
import numpy as np
from nextword.model.layers.mixture_projection import MixtureProjection
from nextword.model.layers.projection import TokenBatch
import keras

{inspect.getsource(results_of)}

np.savez(sys.argv[2], backend=keras.backend.backend(), **results_of(dict(np.load(sys.argv[1]))))
"""


def drawn() -> dict[str, Any]:
    random = np.random.default_rng(0)
    layer = MixtureProjection(9, mixture_size=3, latent_size=4)
    layer.build((None, 5))
    arrays = {weight.name: random.normal(size=weight.shape).astype(np.float32) for weight in layer.weights}
    hidden = random.normal(size=(12, 5)).astype(np.float32)
    targets = random.integers(9, size=12, dtype=np.int32)
    return {**arrays, "hidden": hidden, "targets": targets, "weights": np.linspace(0, 2, 12, dtype=np.float32)}


def test_numpy_and_jax_agree(tmp_path: Path) -> None:
    np.savez(tmp_path / "given.npz", **drawn())
    environment = {**os.environ, "KERAS_BACKEND": "numpy"}
    paths = [str(tmp_path / name) for name in ("given.npz", "found.npz")]
    subprocess.run([sys.executable, "-c", SCRIPT, *paths], env=environment, check=True)
    there, here = dict(np.load(paths[1])), results_of(drawn())
    assert (keras.backend.backend(), str(there.pop("backend"))) == ("jax", "numpy")
    assert here.keys() == there.keys()
    for name, array in here.items():
        assert there[name] == pytest.approx(array, rel=1e-5, abs=1e-5), name
