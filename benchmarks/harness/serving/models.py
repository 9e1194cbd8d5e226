"""The models that the serving benchmark serves."""

import json
import os
from pathlib import Path
from typing import Any

from harness.inference.settings import ModelSize
from harness.serving.requests import SEED
from harness.speed.interpreters import own_interpreter
from harness.speed.peer import PROGRAMS
from harness.speed.process import Process


def make_served_models(folder: Path, size: ModelSize, *, timeout: float) -> dict[str, Any]:
    """Make the files that the servers need, in a separate process with a training framework, and return its answer.

    Raises:
        PeerError: It ended, is silent, or speaks another protocol.
    """
    task = {"model": size.to_table(), "folder": str(folder), "seed": SEED}
    command = [*own_interpreter(), str(PROGRAMS / "serving_models.py"), json.dumps(task)]
    # The program makes random weights and sentences with this harness.
    path = os.pathsep.join(filter(None, [str(PROGRAMS.parent), os.environ.get("PYTHONPATH")]))
    with Process(command, {"KERAS_BACKEND": "jax", "PYTHONPATH": path}) as process, process.ended_on_error():
        made: dict[str, Any] = process.answer(timeout)["made"]
        return made
