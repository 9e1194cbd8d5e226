"""Measure peers in turn, so that a slow phase of the machine slows all of them."""

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Self

from harness.interpreters import Interpreter, own_interpreter
from harness.process import PROGRAMS, Process
from harness.report import Report, quartiles


@dataclass
class Peer:
    """A program that is timed in a process of its own; the context waits until it has warmed up, and then ends it.

    Raises:
        PeerError: It cannot be started, ended, is silent, or speaks another protocol.

    Attributes:
        name: Name in table and JSON.
        program: A file in `peers` that speaks the protocol of `peers/peer_protocol.py`.
        settings: What it does, as it reads it.
        interpreter: Finds the Python that runs it.
        environment: Environment variables in addition to the inherited ones.
        timeout: Seconds within which each answer must come.
        description: Its own description: parameters, threads, precision, device and versions.
        seconds: Wall seconds of every repetition so far, by task: `step`, or a product's precision and shape.
        peak_memory_bytes: Peak memory of its process so far.
    """

    name: str
    program: str
    settings: Mapping[str, Any]
    interpreter: Interpreter = own_interpreter
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 600.0
    description: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    peak_memory_bytes: int = 0

    def __enter__(self) -> Self:
        command = [*self.interpreter(), str(PROGRAMS / self.program), json.dumps(dict(self.settings))]
        self._process = Process(command, self.environment)
        with self._process.ended_on_error():
            self._process.__enter__()
            self.description = dict(self._process.answer(self.timeout)["ready"])
        return self

    def __exit__(self, *_: object) -> None:
        self._process.__exit__()

    def run(self, steps: int) -> dict[str, list[float]]:
        """Let the peer run some steps, and return the seconds of each by task; they are also kept.

        Raises:
            PeerError: It ended, is silent, or speaks another protocol.
        """
        with self._process.ended_on_error():
            answer = self._process.request({"steps": steps}, self.timeout)
            seconds_by_task: dict[str, list[float]] = answer["seconds"]
            self.peak_memory_bytes = max(self.peak_memory_bytes, answer["peak_memory_bytes"])
        for task, seconds in seconds_by_task.items():
            self.seconds.setdefault(task, []).extend(seconds)
        return seconds_by_task

    def median(self, task: str) -> float | None:
        """Return the median seconds of a task; `None` if it was not measured."""
        return quartiles(self.seconds[task])[1] if self.seconds.get(task) else None

    def to_record(self) -> dict[str, Any]:
        """Return what was measured, for a line of JSON."""
        return {
            **self.description,
            "peak_memory_mb": round(self.peak_memory_bytes / 1e6),
            "environment": dict(self.environment),
            "samples": self.seconds,
        }


def rotate(peers: Sequence[Peer], report: Report, *, repeats: int, steps: int, timeout: float) -> dict[str, Peer]:
    """Start all peers, let each run some steps in turn, `repeats` times, and return those that reached the end.

        a starts, b starts, c starts,   a runs, b runs, c runs,   a runs, b runs, c runs,   ...

    One works at a time, while the others wait for their input. A peer that fails is left out from then on, and reported
    as missing.
    """
    started: dict[str, Peer] = {}
    with ExitStack() as running:
        for peer in peers:
            report.say(f"starting {peer.name}")
            with report.missing_on(peer.name):
                peer.timeout = timeout
                started[peer.name] = running.enter_context(peer)
        for repeat in range(repeats):
            report.say(f"turn {repeat + 1} of {repeats}: {', '.join(started)}")
            for name in list(started):
                with report.missing_on(name):
                    started[name].run(steps)
                if name in report.missing:
                    del started[name]
    return started
