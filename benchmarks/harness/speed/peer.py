"""A program that is timed, and its description of itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

from harness.speed.workload import Workload
from nextword.errors import NextwordError

PROGRAMS = Path(__file__).resolve().parents[2] / "peers"
"""The folder of the peers' programs."""


class PeerError(NextwordError):
    """A peer cannot be measured; the message is the reason."""


class PeerUnableError(PeerError):
    """A peer reports that it cannot run on this machine; the message is its reason."""


class Work(Protocol):
    """The work that a program gets."""

    def to_table(self) -> dict[str, Any]:
        """Return it as a table for JSON, as the program reads it."""


@dataclass(frozen=True)
class PeerOf[W: Work]:
    """A program and its work, in a separate process.

    Attributes:
        name: Name in table and JSON.
        program: A Python file that speaks the protocol of `peers/peer_protocol.py`.
        workload: What it does.
        interpreter: Finds the Python that runs it, or raises `PeerError`.
        environment: Environment variables beside the inherited ones.
        compared_with: Name of the peer whose speed is divided by this one's.
    """

    name: str
    program: Path
    workload: W
    interpreter: Callable[[], Sequence[str]]
    environment: Mapping[str, str] = field(default_factory=dict)
    compared_with: str | None = None


Peer = PeerOf[Workload]
"""A program that trains."""


@dataclass(frozen=True)
class Description:
    """What a peer reports when it is ready.

    Attributes:
        parameters: Number of trainable scalars, 0 if nothing is trained.
        threads: Number of threads that it may use.
        dtype: Precision of its matrix products.
        device: What it computes on, such as `cpu`.
        versions: Versions of Python and of the packages that decide on speed.
    """

    parameters: int
    threads: int
    dtype: str
    device: str
    versions: dict[str, str]

    @classmethod
    def from_table(cls, table: dict[str, Any]) -> Self:
        """Return the description that a peer sent.

        Raises:
            TypeError: A name is missing or unknown.
        """
        return cls(**table)
