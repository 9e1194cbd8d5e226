"""A running peer: start it, request steps, and always end it."""

import json
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from harness.speed.peer import Description, PeerOf
from harness.speed.process import Process


@dataclass(frozen=True)
class Answer:
    """A peer's answer to a request.

    Attributes:
        seconds: Wall seconds of each repetition, by task: `step`, or a product's precision and shape.
        peak_memory_bytes: Peak memory of the process so far.
    """

    seconds: dict[str, list[float]]
    peak_memory_bytes: int


class Worker:
    """The process of a peer; entering the context waits until it has warmed up, leaving it ends the process.

    Args:
        peer: The peer to start.
        timeout: Seconds within which each answer must come.

    Raises:
        PeerError: It cannot be started, ended, is silent, or speaks another protocol.
    """

    def __init__(self, peer: PeerOf[Any], *, timeout: float) -> None:
        self.peer = peer
        self._timeout = timeout

    def __enter__(self) -> Self:
        settings = json.dumps(self.peer.workload.to_table())
        command = [*self.peer.interpreter(), str(self.peer.program), settings]
        self._process = Process(command, self.peer.environment)
        with self._process.ended_on_error():
            self._process.__enter__()
            self.description = Description.from_table(self._process.answer(self._timeout)["ready"])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.__exit__(kind, error, trace)

    def run(self, steps: int) -> Answer:
        """Let the peer run some steps, and return how long each took.

        Raises:
            PeerError: It ended, is silent, or speaks another protocol.
        """
        with self._process.ended_on_error():
            self._process.tell({"steps": steps})
            return Answer(**self._process.answer(self._timeout))
