"""The network between two processes: how fast bytes travel, and how fast arrays are summed."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from harness.process import PROGRAMS, PeerError
from harness.server import free_port

_BYTES = 2**26
_SECONDS = 120

Prefixes = Sequence[Sequence[str]]
"""For each of two processes, the beginning of its command."""


def measure_link(
    prefixes: Prefixes, host: str = "127.0.0.1", num_bytes: int = _BYTES, timeout: float = _SECONDS
) -> dict[str, float]:
    """Return the bandwidth in one direction in Gb/s, and half of the time of a round trip in milliseconds."""
    command = [sys.executable, str(PROGRAMS / "network_link.py"), host, str(num_bytes)]
    with subprocess.Popen([*prefixes[0], *command], stdout=subprocess.PIPE, text=True) as first:
        try:
            port = first.stdout.readline().strip() if first.stdout else ""
            second = subprocess.run([*prefixes[1], *command, port], stdout=subprocess.PIPE, check=True, timeout=timeout)
            return {name: round(value, 4) for name, value in json.loads(second.stdout).items()}
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            raise PeerError(f"the network at {host} cannot be measured: {error}") from error
        finally:
            first.kill()


def measure_sum(prefixes: Prefixes, num_bytes: int, gbps: float, host: str = "127.0.0.1") -> dict[str, float | None]:
    """Return the seconds in which two processes sum an array, and the speed without the network in Gb/s."""
    program = [sys.executable, str(PROGRAMS / "network_sum.py"), f"{host}:{free_port()}"]
    commands = [[*prefix, *program, str(number), str(num_bytes)] for number, prefix in enumerate(prefixes)]
    how: dict[str, Any] = {"env": {**os.environ, "NPROC": "1"}, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(commands[1], **how) as second:
        try:
            first = subprocess.run(commands[0], **how, check=True, timeout=_SECONDS)
            seconds = json.loads(first.stdout.splitlines()[-1])["seconds"]
        except (LookupError, ValueError, subprocess.SubprocessError) as error:
            raise PeerError(f"the sum over two processes at {host} cannot be measured: {error}") from error
        finally:
            second.kill()
    bits = 8 * num_bytes / 1e9
    in_memory = seconds - bits / gbps
    in_memory_gbps = bits / in_memory if in_memory > 0 else None  # the network explains all
    return {"num_bytes": num_bytes, "seconds": round(seconds, 5), "in_memory_gbps": in_memory_gbps}
