"""A model in training as arrays by name: what a checkpoint holds, and how it is put back."""

import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import keras
import numpy as np
from keras import ops

from nextword.errors import CheckpointError
from nextword.training.stream_model import StreamModel

Arrays = dict[str, np.ndarray[Any, Any]]

_BACKEND_PACKAGES = {"jax": ("jax", "jaxlib")}  # every other backend is one package of its own name


def capture(stream: StreamModel) -> Arrays:
    """Return weights, carried state, seed generators and optimizer of a compiled model."""
    return {name: ops.convert_to_numpy(variable.value) for name, variable in _named_variables(stream).items()}


def restore(stream: StreamModel, arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """Put back what `capture` took.

    Raises:
        CheckpointError: The arrays are not those of this model.
    """
    variables = _named_variables(stream)
    for name in sorted(variables.keys() ^ arrays.keys()):
        where = "not in the checkpoint" if name in variables else "not in the model"
        raise CheckpointError(f"the checkpoint must fit the model, but `{name}` is {where}; train in a new directory")
    for name, variable in variables.items():
        if tuple(variable.shape) != arrays[name].shape:
            raise CheckpointError(
                f"the checkpoint must fit the model, but `{name}` is {arrays[name].shape} in the checkpoint and "
                f"{tuple(variable.shape)} in the model; train in a new directory"
            )
    for name, variable in variables.items():
        variable.assign(arrays[name])


def fingerprint() -> dict[str, str]:
    """Return what the bits of a training depend on besides its settings."""
    backend = keras.backend.backend()
    return {
        **{package: version(package) for package in ("keras", *_BACKEND_PACKAGES.get(backend, (backend,)), "numpy")},
        "backend": backend,
        "machine": platform.machine(),
        "processors": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
    }


def _named_variables(stream: StreamModel) -> dict[str, Any]:
    metrics = {id(variable) for variable in stream.metrics_variables}
    kept = [variable for variable in stream.variables if id(variable) not in metrics]
    # By position: Keras numbers the models and seed generators of a process, so that their paths differ between two.
    named = {f"model/{index:03d}/{variable.name}": variable for index, variable in enumerate(kept)}
    return named | {f"optimizer/{index:03d}": variable for index, variable in enumerate(stream.optimizer.variables)}
