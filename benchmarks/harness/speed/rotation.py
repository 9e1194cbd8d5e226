"""Measure peers in turn, so that a slow phase of the machine slows all of them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from harness.speed.peer import Description, PeerError, PeerOf, Work
from harness.speed.worker import Answer, Worker
from harness.speed.workload import Workload


@dataclass
class MeasurementOf[W: Work]:
    """What was measured of a peer.

    Attributes:
        peer: The peer.
        description: Its own description.
        seconds: Wall seconds of every repetition, by task.
        peak_memory_bytes: Peak memory of its process.
    """

    peer: PeerOf[W]
    description: Description
    seconds: dict[str, list[float]] = field(default_factory=dict)
    peak_memory_bytes: int = 0

    def add(self, answer: Answer) -> None:
        """Add the answer of a peer."""
        for what, seconds in answer.seconds.items():
            self.seconds.setdefault(what, []).extend(seconds)
        self.peak_memory_bytes = max(self.peak_memory_bytes, answer.peak_memory_bytes)


@dataclass
class RotationOf[W: Work]:
    """The outcome of a rotation.

    Attributes:
        measurements: Measurements by the names of the peers.
        missing: The names of the peers that could not be measured to the end, and why.
    """

    measurements: dict[str, MeasurementOf[W]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


Measurement = MeasurementOf[Workload]
"""What was measured of a peer that trains."""

Rotation = RotationOf[Workload]
"""What a rotation of peers that train has come to."""


def rotate[W: Work](
    peers: Sequence[PeerOf[W]], *, repeats: int, steps: int, timeout: float, say: Callable[[str], None]
) -> RotationOf[W]:
    """Start all peers, and let each run some steps in turn, `repeats` times.

        a starts, b starts, c starts,   a runs, b runs, c runs,   a runs, b runs, c runs,   ...

    One works at a time, while the others wait for their input. A peer that fails is left out from then, and
    its measurements are dropped.

    Args:
        peers: The peers.
        repeats: Number of turns of each.
        steps: Number of steps in a turn.
        timeout: Seconds within which a peer must have warmed up, and within which it must have finished a turn.
        say: Receives messages about the progress.
    """
    rotation = RotationOf[W]()
    workers: dict[str, Worker] = {}
    with ExitStack() as running:
        for peer in peers:
            say(f"starting {peer.name}")
            with failure_noted(rotation.missing, peer.name, say):
                worker = running.enter_context(Worker(peer, timeout=timeout))
                workers[peer.name] = worker
                rotation.measurements[peer.name] = MeasurementOf(peer, worker.description)
        for repeat in range(repeats):
            say(f"turn {repeat + 1} of {repeats}: {', '.join(rotation.measurements)}")
            for name, measurement in list(rotation.measurements.items()):
                with failure_noted(rotation.missing, name, say):
                    measurement.add(workers[name].run(steps))
                if name in rotation.missing:
                    del rotation.measurements[name]
    return rotation


@contextmanager
def failure_noted(missing: dict[str, str], name: str, say: Callable[[str], None]) -> Iterator[None]:
    """Record a `PeerError` as the reason why a peer is missing, and continue."""
    try:
        yield
    except PeerError as error:
        say(f"{name}: {error}")
        missing[name] = str(error)
