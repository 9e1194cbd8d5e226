"""Peers measured in turn, so that whatever slows the machine down for a while slows all of them down."""

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
        description: What it said of itself.
        seconds: Wall seconds of every repetition, by what was repeated.
        peak_memory_bytes: The most memory that its process has held.
    """

    peer: PeerOf[W]
    description: Description
    seconds: dict[str, list[float]] = field(default_factory=dict)
    peak_memory_bytes: int = 0

    def add(self, answer: Answer) -> None:
        """Add what a peer has answered."""
        for what, seconds in answer.seconds.items():
            self.seconds.setdefault(what, []).extend(seconds)
        self.peak_memory_bytes = max(self.peak_memory_bytes, answer.peak_memory_bytes)


@dataclass
class RotationOf[W: Work]:
    """What a rotation has come to.

    Attributes:
        measurements: What was measured, by the names of the peers.
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
    """Start all peers, and let each in its turn run some steps, `repeats` times over.

        a starts, b starts, c starts,   a runs, b runs, c runs,   a runs, b runs, c runs,   ...

    One is at work at a time, while the others wait for their input. A peer that fails is left out from there on, and
    what it had measured is given up.

    Args:
        peers: Whom to measure.
        repeats: Number of turns of each.
        steps: Number of steps in a turn.
        timeout: Seconds within which a peer must have warmed up, and within which it must have finished a turn.
        say: Told what happens.
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
    """Note a `PeerError` as the reason why something is missing, and go on."""
    try:
        yield
    except PeerError as error:
        say(f"{name}: {error}")
        missing[name] = str(error)
