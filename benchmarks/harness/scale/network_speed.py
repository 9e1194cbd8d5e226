"""How fast bytes travel from one process to another, over TCP."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from harness.scale.text_reading import HARNESS
from harness.speed.peer import PeerError

_BYTES = 2**26
_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class NetworkSpeed:
    """The network between two processes.

    Attributes:
        gbps: Bandwidth in Gb/s, in one direction.
        latency_ms: Half of the time of a round trip of one byte, in milliseconds.
    """

    gbps: float
    latency_ms: float

    @classmethod
    def between(cls, places: Sequence[Sequence[str]], host: str = "127.0.0.1", num_bytes: int = _BYTES) -> Self:
        """Measure it between two processes.

        Args:
            places: For each of the two, the beginning of its command.
            host: The address of the first one.
            num_bytes: How much travels.

        Raises:
            PeerError: They do not reach each other.
        """
        command = [sys.executable, "-m", "harness.scale.network_program", host, str(num_bytes)]
        with subprocess.Popen([*places[0], *command], cwd=HARNESS, stdout=subprocess.PIPE, text=True) as first:
            try:
                port = first.stdout.readline().strip() if first.stdout else ""
                second = subprocess.run(
                    [*places[1], *command, port], cwd=HARNESS, stdout=subprocess.PIPE, check=True, timeout=_SECONDS
                )
                return cls(**{name: round(value, 4) for name, value in json.loads(second.stdout).items()})
            except (OSError, ValueError, subprocess.SubprocessError) as error:
                raise PeerError(f"the network at {host} cannot be measured: {error}") from error
            finally:
                first.kill()
