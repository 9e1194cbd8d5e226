"""Training on PyTorch matches JAX: windows, carried state, gradients, clipping and final weights."""

import inspect
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from nextword.model.architecture import Architecture
from nextword.model.language_model import LanguageModel
from nextword.text.batching.streams import Streams
from nextword.training.step.step import RoundDataset
from nextword.training.step.stream_model import StreamModel, capture

pytestmark = pytest.mark.skipif(find_spec("torch") is None, reason="needs torch, which is not installed")


def trained(given: dict[str, Any], compute_dtype: str) -> dict[str, Any]:
    """Return the losses and the final arrays; the other process runs this source code as well."""
    architecture = Architecture(vocabulary_size=11, embedding_size=6, hidden_sizes=(5, 6))
    model = LanguageModel(architecture, compute_dtype=compute_dtype)
    model.set_named_weights({name: given[name] for name in architecture.weight_shapes()})
    streams = Streams(given["ids"], batch_size=3, num_steps=4, first_input=0)
    windows = RoundDataset(streams, 0, streams.steps_per_epoch)
    stream = StreamModel(model, batch_size=3)
    stream.compile(optimizer=keras.optimizers.SGD(0.5, global_clipnorm=1.0))
    history = stream.fit(windows, validation_data=windows, epochs=4, shuffle=False, verbose=0).history
    losses = {name: np.array([float(value) for value in values]) for name, values in history.items()}
    return {**losses, **capture(stream)}


SCRIPT = f"""
import sys
from typing import Any
import numpy as np
import keras
from nextword.model.architecture import Architecture
from nextword.text.batching.streams import Streams
from nextword.model.language_model import LanguageModel
from nextword.training.step.step import RoundDataset
from nextword.training.step.stream_model import StreamModel, capture

{inspect.getsource(trained)}

given, found, compute_dtype = sys.argv[1:]
assert keras.backend.backend() == "torch"
np.savez(found, **trained(dict(np.load(given)), compute_dtype))
"""


def drawn() -> dict[str, NDArray[Any]]:
    """Return weights, and a periodic text."""
    random = np.random.default_rng(4)
    shapes = Architecture(vocabulary_size=11, embedding_size=6, hidden_sizes=(5, 6)).weight_shapes().items()
    weights = {name: random.normal(scale=0.5, size=shape).astype(np.float32) for name, shape in shapes}
    return {**weights, "ids": np.tile(np.arange(11, dtype=np.int32), 12)}


def trained_by_torch(folder: Path, compute_dtype: str) -> dict[str, NDArray[Any]]:
    given, found = folder / "given.npz", folder / "found.npz"
    arrays: dict[str, Any] = drawn()
    np.savez(given, **arrays)
    # As in pyproject.toml: PyTorch's tensors have no copy argument yet.
    warnings = ("-W", "error", "-W", "ignore:__array__ implementation doesn't accept a copy keyword")
    command = [sys.executable, *warnings, "-c", SCRIPT, str(given), str(found), compute_dtype]
    subprocess.run(command, env={**os.environ, "KERAS_BACKEND": "torch"}, check=True)
    return dict(np.load(found))


@pytest.mark.parametrize(("compute_dtype", "tolerance"), [("float32", 2e-5), ("bfloat16", 3e-2)])
def test_training_ends_with_the_same_weights_as_on_jax(tmp_path: Path, compute_dtype: str, tolerance: float) -> None:
    there = trained_by_torch(tmp_path, compute_dtype)
    here = trained(drawn(), compute_dtype)
    assert keras.backend.backend() == "jax"
    assert here.keys() == there.keys()
    assert any("hidden_0" in name for name in here)  # the comparison includes the carried state
    assert there["loss"][-1] < there["loss"][0]
    assert there["val_loss"][-1] < there["val_loss"][0]
    for name in here.keys() - {name for name in here if "seed" in name}:
        scale = max(1.0, float(np.abs(here[name]).max()))
        np.testing.assert_allclose(there[name], here[name], rtol=0, atol=tolerance * scale, err_msg=name)
