"""The names of the machines that train together, by which Gloo connects their processes."""

import ipaddress
import json
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Self

from nextword.errors import SettingError
from nextword.training.cluster.group import ProcessGroup

RULE = "the name of each machine must be an address that the other machines reach"

_KEY = "nextword/machines/"


@dataclass(frozen=True)
class MachineName:
    """What one process tells the others about the name of its machine.

    Attributes:
        process_id: Number of the process.
        name: Name of the machine.
        address: The address that the machine finds for its own name, which Gloo tells the other processes; `None` if it
            finds none.
        route: The address from which the machine reaches process 0; `None` if it does not. Processes that share a
            machine share it.
    """

    process_id: int
    name: str
    address: str | None
    route: str | None

    @classmethod
    def here(cls, process_id: int, first: str, name: str | None = None) -> Self:
        """Return the name of this machine.

        Args:
            process_id: Number of this process.
            first: `HOST:PORT` of process 0.
            name: The name, if it is not that of the system.
        """
        name = name or socket.gethostname()
        return cls(process_id, name, _address_of(name), _route_to(*first.rsplit(":", 1)))

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches the address."""
        return self.address is not None and ipaddress.ip_address(self.address).is_loopback


def require_reachable(machines: Sequence[MachineName]) -> None:
    """Raise if there are several machines, and one has a name that only it reaches.

    Debian writes such a name, at 127.0.1.1, into `/etc/hosts`.

    Raises:
        SettingError: Other machines could not connect to it.
    """
    wrong = [each for each in machines if each.is_loopback]
    if not wrong or len({each.route for each in machines if each.route is not None}) < 2:
        return
    shown = ", ".join(f"`{each.name}` of process {each.process_id} is {each.address}" for each in wrong[:4])
    others = f" and {len(wrong) - 4} more" if len(wrong) > 4 else ""
    route = wrong[0].route
    repair = "the address of its network" if route is None or ipaddress.ip_address(route).is_loopback else route
    raise SettingError(
        f"{RULE}, and not the loopback address, but {shown}{others}; correct the line of the name in /etc/hosts there: "
        f"{repair} {wrong[0].name}"
    )


def exchange_names(group: ProcessGroup, seconds: float) -> list[MachineName]:
    """Return the names of the machines of all processes, in a group that JAX has joined; all must call this.

    It needs no connection between the processes but that to process 0.

    Args:
        group: The group.
        seconds: How long to wait for the others.

    Raises:
        RuntimeError: A process did not come.
    """
    from jax._src.distributed import global_state  # JAX has no public way to talk before Gloo connects

    client, milliseconds = global_state.client, round(1000 * seconds)
    own = MachineName.here(group.process_id, global_state.coordinator_address)
    client.key_value_set(f"{_KEY}{group.process_id}", json.dumps(asdict(own)))
    client.wait_at_barrier(_KEY.strip("/"), milliseconds)
    found = [MachineName(**json.loads(value)) for _, value in client.key_value_dir_get(_KEY)]
    return sorted(found, key=lambda each: each.process_id)


def _address_of(name: str) -> str | None:
    try:
        return str(ipaddress.ip_address(socket.getaddrinfo(name, None)[0][4][0]))
    except (OSError, ValueError):  # not known here, or of an interface
        return None


def _route_to(host: str, port: str) -> str | None:
    """Return the address of this machine in packets to another; nothing is sent."""
    with suppress(OSError, ValueError):
        for family, kind, _, _, address in socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_DGRAM):
            with socket.socket(family, kind) as probe:
                probe.connect(address)
                return str(ipaddress.ip_address(probe.getsockname()[0]))
    return None
