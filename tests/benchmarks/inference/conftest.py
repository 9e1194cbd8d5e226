from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.inference.catalogue import InferencePeer, groups
from harness.inference.report import InferenceReport
from harness.inference.settings import Effort, ModelSize
from harness.inference.work import InferenceWork
from harness.speed.interpreters import own_interpreter
from harness.speed.peer import Description
from harness.speed.provenance import Provenance
from harness.speed.rotation import MeasurementOf, RotationOf

SIZE = ModelSize(vocabulary_size=100, hidden_size=10, num_layers=2)
EFFORT = Effort(turns=2, steps=3, sentences=40, starts=3, keys=100)

# The weights of SIZE that a step reads, 2 * 40 * 20 + 100 * 10, are in a buffer of this size ten times over.
BUFFER_BYTES = 26_000

SECONDS: dict[str, dict[str, list[float]]] = {
    "nextword-step-int8": {"step": [1e-3, 2e-3, 9e-3], "read": [8e-3, 10e-3, 20e-3]},
    "pytorch-step-int8": {"step": [5e-3]},
    "nextword-step-float32": {"step": [4e-3]},
    "pytorch-step-float32": {"step": [60e-3, 50e-3, 10e-3]},
    "pytorch-step-float32-without-onednn": {"step": [30e-3]},
    "nextword-score-int8": {"share": [1.0, 3.0]},
    "nextword-score-float32": {"share": [2.0, 0.5]},
    "pytorch-score-float32": {"share": [5.0, 5.0]},
    "pytorch-score-int8": {"share": [3.0, 3.0]},
    "nextword-start": {"start": [0.5, 0.25, 1.0]},
    "nextword-load": {"load": [0.1, 0.3, 0.2]},
    "nextword-keys": {"key": [0.001 * number for number in range(101)]},
}

MakeReport = Callable[..., InferenceReport]


@pytest.fixture
def make_report(tmp_path: Path) -> MakeReport:
    """Makes reports of which some peers are missing."""

    def make(*missing: str, load: float = 0.0) -> InferenceReport:
        peers = [peer for group in groups(SIZE, EFFORT, tmp_path) for peer in group.peers]
        rotation = RotationOf[InferenceWork](
            {peer.name: _measurement(peer) for peer in peers if peer.name not in missing},
            dict.fromkeys(missing, "not [here]"),
        )
        provenance = Provenance("a processor", "an OS", "abc", "today", load)
        return InferenceReport(SIZE, EFFORT, {"words": 500}, rotation, provenance)

    return make


def _measurement(peer: InferencePeer) -> MeasurementOf[InferenceWork]:
    description = Description(7, peer.workload.num_threads, peer.workload.precision, "cpu", {"python": "3"})
    table: dict[str, Any] = {"size": SIZE, "folder": peer.workload.folder, "precision": peer.workload.precision}
    work = InferenceWork(**table, buffer_bytes=BUFFER_BYTES if peer.name == "nextword-step-int8" else 0)
    small = InferencePeer(peer.name, peer.program, work, own_interpreter)
    return MeasurementOf(small, description, SECONDS[peer.name], 90_000_000)
