"""Shared code of the peers of the inference benchmark that run nextword."""

import platform
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

import nextword
from nextword.engine.opening import open_model
from nextword.engine.text_model import LoadedModel


def open_bundle(settings: dict[str, Any]) -> LoadedModel:
    """Return the model, running by onnxruntime."""
    return open_model(Path(settings["bundle"]), "onnx", num_threads=settings["threads"])


def describe(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the description of a peer that runs nextword."""
    return {
        "parameters": settings["parameters"],
        "threads": settings["threads"],
        "dtype": settings["precision"],
        "device": "cpu",
        "versions": {
            "python": platform.python_version(),
            "nextword": nextword.__version__,
            "onnxruntime": onnxruntime.__version__,
            "numpy": np.__version__,
        },
    }
