"""How fast two processes sum an array: Gloo alone, without a model."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any, Self

from harness.scale.network_speed import NetworkSpeed
from harness.scale.text_reading import HARNESS
from harness.scale.training_group import free_port
from harness.speed.peer import PeerError

_SECONDS = 120


@dataclass(frozen=True, kw_only=True)
class CollectiveSpeed:
    """The sum of an array over two processes.

    Attributes:
        num_bytes: Size of the array.
        seconds: Time of a sum.
        network: The network between the processes.
    """

    num_bytes: int
    seconds: float
    network: NetworkSpeed

    @classmethod
    def between(
        cls,
        places: Sequence[Sequence[str]],
        num_bytes: int,
        network: NetworkSpeed,
        host: str = "127.0.0.1",
        timeout: float = _SECONDS,
    ) -> Self:
        """Measure it between two processes.

        Args:
            places: For each of the two, the beginning of its command.
            num_bytes: Size of the array.
            network: The network between them.
            host: The address of the first one.
            timeout: Seconds to wait.

        Raises:
            PeerError: They do not finish.
        """
        address, program = f"{host}:{free_port()}", [sys.executable, "-m", "harness.scale.collective_program"]
        with ExitStack() as stack:
            processes = []
            for number, place in enumerate(places):
                process = stack.enter_context(
                    subprocess.Popen(
                        [*place, *program, address, str(number), str(num_bytes)],
                        cwd=HARNESS,
                        env={**os.environ, "NPROC": "1"},
                        stdout=subprocess.PIPE,
                        stderr=subprocess.PIPE,
                        text=True,
                    )
                )
                stack.callback(process.kill)
                processes.append(process)
            try:
                outputs = [process.communicate(timeout=timeout)[0] for process in processes]
                seconds = json.loads(outputs[0].splitlines()[-1])["seconds"]
            except (LookupError, ValueError, subprocess.SubprocessError) as error:
                raise PeerError(f"the sum over two processes at {host} cannot be measured: {error}") from error
        return cls(num_bytes=num_bytes, seconds=round(seconds, 5), network=network)

    @property
    def gbps(self) -> float:
        """Speed of what is not the network, copying and summing, in Gb/s; infinite if the network explains all."""
        bits = 8 * self.num_bytes / 1e9
        in_memory = self.seconds - bits / self.network.gbps
        return bits / in_memory if in_memory > 0 else float("inf")

    def describe(self) -> str:
        """Return the figures as one line."""
        return (
            f"sum of {self.num_bytes / 1e6:.1f} MB: {1000 * self.seconds:.1f} ms over {self.network.gbps:.3f} Gb/s, "
            f"{self.gbps:.2f} Gb/s without the network"
        )

    def to_table(self) -> dict[str, Any]:
        """Return the figures for JSON."""
        return asdict(self)
