"""The servers of the serving benchmark."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.inference.settings import ModelSize
from harness.serving.server import ServerPlan
from harness.speed.interpreters import pytorch_interpreter
from harness.speed.peer import PROGRAMS
from nextword.machine.capacity import read_capacity

FLOAT32, INT8 = "nextword-float32", "nextword-int8"
UNBATCHED = "-unbatched"
STREAMED = "-streamed"
ONE_AT_A_TIME, THREADS = "pytorch-one-at-a-time", "pytorch-threads"
FIXED = "fixed-answer"

# A text at a time: no two share a step.
_ONE_TEXT = {"NEXTWORD_SERVE_MAX_ACTIVE": "1"}

PATIENT = {"NEXTWORD_SERVE_QUEUE_LENGTH": "1024", "NEXTWORD_SERVE_QUEUE_SECONDS": "600"}
"""Nobody is refused, so a slow server is seen as slow."""


def nextword_plan(
    name: str, bundle: Path, environment: Mapping[str, str] | None = None, *, model: str | None = None
) -> ServerPlan:
    """Return `nextword serve` for a bundle.

    Args:
        name: Name in table and JSON.
        bundle: The model.
        environment: Settings of the service.
        model: Name of the model, if it is not that of the folder.
    """

    def command(port: int) -> Sequence[str]:
        return (sys.executable, "-m", "nextword", "serve", str(bundle), "--port", str(port))

    return ServerPlan(name, command, model or bundle.name, environment or {})


def pytorch_plan(folder: Path, size: ModelSize, pytorch: str | None, *, one_at_a_time: bool) -> ServerPlan:
    """Return the plain service in PyTorch.

    Args:
        folder: Where the models are.
        size: How large they are.
        pytorch: A Python with PyTorch; one is searched for if it is not given.
        one_at_a_time: Whether each text has all cores to itself; otherwise FastAPI's threads have one core for each.
    """

    def command(port: int) -> Sequence[str]:
        settings = {
            "folder": str(folder),
            "model": size.to_table(),
            "port": port,
            "one_at_a_time": one_at_a_time,
            "threads": read_capacity().cores if one_at_a_time else 1,
        }
        return (*pytorch_interpreter(pytorch), str(PROGRAMS / "serving_pytorch.py"), json.dumps(settings))

    return ServerPlan(ONE_AT_A_TIME if one_at_a_time else THREADS, command, "float32")


def fixed_plan() -> ServerPlan:
    """Return the server that answers at once, which measures the clients."""
    return ServerPlan(FIXED, lambda port: (sys.executable, str(PROGRAMS / "serving_fixed.py"), str(port)), "fixed")


def all_plans(folder: Path, size: ModelSize, pytorch: str | None) -> list[ServerPlan]:
    """Return the servers that are compared, in the order of their turns."""
    ours = [
        nextword_plan(name + suffix, folder / model, {**PATIENT, **limits})
        for name, model in ((FLOAT32, "float32"), (INT8, "int8"))
        for suffix, limits in (("", {}), (UNBATCHED, _ONE_TEXT))
    ]
    theirs = [pytorch_plan(folder, size, pytorch, one_at_a_time=alone) for alone in (True, False)]
    return [*ours, *theirs, fixed_plan()]
