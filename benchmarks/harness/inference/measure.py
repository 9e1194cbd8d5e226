"""Make the models, and measure the peers."""

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.inference.catalogue import groups
from harness.inference.report import InferenceReport
from harness.inference.settings import Effort, ModelSize
from harness.inference.work import InferenceWork
from harness.speed.interpreters import own_interpreter
from harness.speed.peer import PROGRAMS
from harness.speed.process import Process
from harness.speed.provenance import Provenance
from harness.speed.rotation import RotationOf, rotate

SEED = 1

Say = Callable[[str], None]


def measure_inference(
    size: ModelSize, effort: Effort, *, pytorch: str | None, timeout: float, say: Say
) -> InferenceReport:
    """Make the models in a temporary folder, and measure one group of peers after the other.

    Args:
        size: How large the model is.
        effort: How much is measured.
        pytorch: A Python with PyTorch; one is searched for if it is not given.
        timeout: Seconds within which a peer must have warmed up, and within which it must have finished a turn.
        say: Receives messages about the progress.

    Raises:
        PeerError: The models cannot be made.
    """
    provenance = Provenance.now()
    rotation = RotationOf[InferenceWork]()
    with tempfile.TemporaryDirectory(prefix="nextword-inference-") as scratch:
        say("making the models and the sentences")
        made = make_models(Path(scratch), size, effort, timeout=timeout)
        for group in groups(size, effort, Path(scratch), pytorch=pytorch):
            found = rotate(group.peers, repeats=group.repeats, steps=group.steps, timeout=timeout, say=say)
            rotation.measurements |= found.measurements
            rotation.missing |= found.missing
    return InferenceReport(size, effort, made, rotation, provenance)


def make_models(folder: Path, size: ModelSize, effort: Effort, *, timeout: float) -> dict[str, Any]:
    """Make the files that the peers need, in a separate process with a training framework, and return its answer.

    Raises:
        PeerError: It ended, is silent, or speaks another protocol.
    """
    task = {
        "model": size.to_table(),
        "folder": str(folder),
        "sentences": effort.sentences,
        "shares": effort.turns,
        "seed": SEED,
    }
    command = [*own_interpreter(), str(PROGRAMS / "inference_models.py"), json.dumps(task)]
    # The program makes random weights and sentences with this harness.
    path = os.pathsep.join(filter(None, [str(PROGRAMS.parent), os.environ.get("PYTHONPATH")]))
    with Process(command, {"KERAS_BACKEND": "jax", "PYTHONPATH": path}) as process, process.ended_on_error():
        made: dict[str, Any] = process.answer(timeout)["made"]
        return made
