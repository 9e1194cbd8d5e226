"""The engine alone, without service and sampling: a step of one text, and of many at once."""

import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import nextword
from nextword.engine.engine import Engine
from nextword.engine.opening import open_model
from peer_protocol import Run, num_threads, serve

_WARM_UP_STEPS = 20


def prepare(settings: dict[str, Any]) -> tuple[dict[str, Any], Run]:
    """Open the model."""
    engine = open_model(Path(settings["bundle"]), "onnx").engine
    states = {size: engine.start(size) for size in settings["batch_sizes"]}
    random = np.random.default_rng(0)

    def run(steps: int) -> dict[str, list[float]]:
        return {
            str(size): _timed(engine, states, size, random.integers(engine.vocabulary_size, size=(steps, size)))
            for size in states
        }

    description = {
        "parameters": 0,
        "threads": num_threads(),
        "dtype": settings["precision"],
        "device": "cpu",
        "versions": {"python": platform.python_version(), "nextword": nextword.__version__},
    }
    return description, run


def _timed(engine: Engine, states: dict[int, Any], size: int, tokens: Any) -> list[float]:
    """Read tokens `(T, B)` and return the seconds of each step."""
    seconds: list[float] = []
    rows: Sequence[Any] = tokens.astype(np.int32)
    for ids in rows:
        start = time.perf_counter()
        _, states[size] = engine.step(ids, states[size])
        seconds.append(time.perf_counter() - start)
    return seconds


if __name__ == "__main__":
    serve(prepare, warm_up_steps=_WARM_UP_STEPS)
