"""The adaptive softmax on another backend of Keras, which uses the references."""

import inspect
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from nextword.model.layers.adaptive_projection import AdaptiveProjection
from nextword.model.layers.projection import TokenBatch


def results_of(given: dict[str, Any]) -> dict[str, Any]:
    """Return all results of the layer; the other process runs this source code as well."""
    layer = AdaptiveProjection(9, cutoffs=(3, 5, 8), tail_widths=(3, 2, 1), name="projection")
    layer.build((None, 4))
    for weight in layer.weights:
        weight.assign(given[weight.name])
    found = {"log_probs": layer(given["hidden"])}
    arguments = (given["hidden"], given["targets"], given["weights"])
    smooth = {"training": True, "label_smoothing": 0.1, "z_loss": 0.01}
    options: dict[str, dict[str, Any]] = {"plain": {"ranks": True}, "smooth": smooth}
    for kind, chosen in options.items():
        losses = layer.losses_of(TokenBatch(*arguments, **chosen))._asdict().items()
        found |= {f"{kind} {name}": part for name, part in losses if part is not None}
    return {name: np.asarray(array) for name, array in found.items()}


SCRIPT = f"""
import sys
from typing import Any
import numpy as np
from nextword.model.layers.adaptive_projection import AdaptiveProjection
from nextword.model.layers.projection import TokenBatch
import keras

{inspect.getsource(results_of)}

np.savez(sys.argv[2], backend=keras.backend.backend(), **results_of(dict(np.load(sys.argv[1]))))
"""


def drawn() -> dict[str, Any]:
    """Return weights, hidden states and targets, without padding, which may differ."""
    random = np.random.default_rng(0)
    layer = AdaptiveProjection(9, cutoffs=(3, 5, 8), tail_widths=(3, 2, 1))
    layer.build((None, 4))
    arrays = {weight.name: random.normal(size=weight.shape).astype(np.float32) for weight in layer.weights}
    targets = random.permutation(np.arange(12, dtype=np.int32) % 9)
    hidden = random.normal(size=(12, 4)).astype(np.float32)
    return {**arrays, "hidden": hidden, "targets": targets, "weights": np.linspace(0.5, 2, 12, dtype=np.float32)}


@pytest.mark.slow
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
