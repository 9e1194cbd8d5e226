"""Processes that compute together, joined by JAX, and the names of their machines, by which Gloo connects them."""

import atexit
import ctypes
import ipaddress
import json
import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cache, cached_property, partial
from typing import Any, Self

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from numpy.typing import NDArray

from nextword.errors import ProcessLostError, SettingError
from nextword.training.cluster.group import ProcessGroup

AXIS = "processes"
"""The axis of the mesh: one device of each process."""

_SECONDS_TO_JOIN = 120
_HEARTBEAT = "NEXTWORD_HEARTBEAT_SECONDS"
_SECONDS_WITHOUT_HEARTBEAT = 40
_SECONDS_TO_LEAVE = 60

_REPAIR = "see its output, then start all again with `train --resume RUN`: at most one round is lost"

_RULE = "the name of each machine must be an address that the other machines reach"
_NAMES = "nextword/machines/"

_LOST = ("Gloo", "NCCL", "Connection closed by peer", "coordination service", "Connection reset", "heartbeat")
"""Words in the errors of JAX if another process is gone."""


class Joined:
    """What joins the processes of a group, by collective operations of JAX."""

    def __init__(self, num_processes: int, process_id: int) -> None:
        self._num_processes, self._process_id = num_processes, process_id

    @cached_property
    def mesh(self) -> Mesh:
        """One device of each process."""
        if jax.device_count() != self._num_processes:
            raise SettingError(
                f"each process must have one device, but {self._num_processes} processes have "
                f"{jax.device_count()}; start one process for each GPU, and let it see only that one"
            )
        return Mesh(np.array(jax.devices()), (AXIS,))

    def broadcast(self, data: bytes) -> bytes:
        """Return the bytes of process 0."""
        with losses_named():
            size = int(multihost_utils.broadcast_one_to_all(np.array(len(data), np.int64)))
            own = np.zeros(size, np.uint8) if self._process_id else np.frombuffer(data, np.uint8)
            return bytes(np.asarray(multihost_utils.broadcast_one_to_all(own), np.uint8))

    def gather(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return the rows of all processes `(n * B, ...)`, for rows `(B, ...)` of each."""
        with losses_named():
            rows: NDArray[Any] = multihost_utils.process_allgather(array, tiled=True)
            return rows

    def sum(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the sum of the arrays of all processes.

        It is one `psum`. On CPUs, `psum_scatter` would fail after 30 seconds without a slow process
        (https://github.com/jax-ml/jax/issues/40831).
        """
        with losses_named():
            rows = jax.make_array_from_process_local_data(
                NamedSharding(self.mesh, PartitionSpec(AXIS)), array[np.newaxis]
            )
            total: NDArray[np.float32] = np.asarray(self._sum_rows(rows).addressable_data(0))[0]
            return total

    @cached_property
    def _sum_rows(self) -> Any:
        specs: dict[str, Any] = {"in_specs": PartitionSpec(AXIS), "out_specs": PartitionSpec(), "check_vma": False}
        return jax.jit(jax.shard_map(partial(jax.lax.psum, axis_name=AXIS), mesh=self.mesh, **specs))

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Name a lost process in errors of the block, and let this process end without the others after any error.

        JAX waits at exit for all of them, and they wait for this one in the middle of a step.
        """
        try:
            with losses_named():
                yield
        except BaseException as error:
            interrupted = 128 + signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
            atexit.register(_leave, getattr(error, "exit_code", interrupted))
            raise


def _leave(code: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


@cache
def join(group: ProcessGroup) -> Joined:
    """Join a group of processes, once; wait until all are there.

    Raises:
        ProcessLostError: Some did not come.
        SettingError: This process has used JAX before, `NEXTWORD_HEARTBEAT_SECONDS` is not a number, or machines could
            not find each other by their names.
    """
    jax.config.update("jax_enable_preemption_service", False)  # our own handlers hear SIGTERM
    try:
        jax.distributed.initialize(
            group.address,
            group.num_processes,
            group.process_id,
            # All is known; Open MPI 5 would need mpi4py to tell it.
            cluster_detection_method="deactivate" if group.address else None,
            initialization_timeout=_SECONDS_TO_JOIN,
            heartbeat_timeout_seconds=_seconds_without_heartbeat(),
            shutdown_timeout_seconds=_SECONDS_TO_LEAVE,
        )
        machines = exchange_names(group, _SECONDS_TO_JOIN)
    except RuntimeError as error:
        if "before any JAX" in str(error):
            raise SettingError(
                "a strategy must begin before JAX computes anything, but this process has used it; train in a new "
                "process, and without a model of your own"
            ) from error
        raise ProcessLostError(
            f"{group.num_processes} processes must meet at {group.address or 'process 0'} within "
            f"{_SECONDS_TO_JOIN} seconds, but did not ({str(error).splitlines()[0]:.240}); see their output"
        ) from error
    _explain_aborts()
    if jax.default_backend() == "cpu":  # Gloo tells the others the address of this machine's name
        try:
            require_reachable(machines)
        except SettingError:
            jax.distributed.shutdown()  # all end now, and JAX must not take that for a loss
            raise
    return Joined(group.num_processes, group.process_id)


def _seconds_without_heartbeat() -> int:
    given = os.environ.get(_HEARTBEAT) or str(_SECONDS_WITHOUT_HEARTBEAT)
    if not given.isdecimal() or int(given) < 1:
        raise SettingError(f"{_HEARTBEAT} must be a whole number of seconds from 1, but is {given!r}; set it to 40")
    return int(given)


def _explain_aborts() -> None:
    """Let this process end with a plain message when JAX aborts it, which it does after too many missed heartbeats."""
    with suppress(OSError, TypeError, AttributeError):  # no C library to ask
        ctypes.CDLL(None).signal(signal.SIGABRT, _ON_ABORT)


def _on_abort(_signal: int) -> None:
    """Write the error and exit; this runs in a thread of JAX, whose own messages are off by default."""
    lines = (
        "error: all processes must answer, but another one no longer does",
        f"hint: {_REPAIR}",
        "hint: TF_CPP_MIN_LOG_LEVEL=0 shows what JAX reports",
    )
    os.write(2, "".join(f"{line}\n" for line in lines).encode())
    os._exit(ProcessLostError.exit_code)


_ON_ABORT = ctypes.CFUNCTYPE(None, ctypes.c_int)(_on_abort)


@contextmanager
def losses_named() -> Iterator[None]:
    """Turn the error of a computation whose other processes are gone into `ProcessLostError`."""
    try:
        yield
    except (ValueError, RuntimeError) as error:
        if not any(word in str(error) for word in _LOST):
            raise
        if "context initialization failed" in str(error) and "remote=[127." in str(error):
            raise SettingError(f"{_RULE}, but one is the loopback address; correct its line in /etc/hosts") from error
        raise ProcessLostError(
            f"all processes must continue to the end, but another one is gone ({str(error).splitlines()[0]:.240}); "
            f"{_REPAIR}"
        ) from error


@dataclass(frozen=True)
class MachineName:
    """What one process tells the others about the name of its machine."""

    process_id: int  # number of the process
    name: str  # name of the machine
    address: str | None  # what the machine finds for its own name, which Gloo tells the others; `None` if nothing
    route: str | None  # its address on the way to process 0, the same for all processes of a machine

    @classmethod
    def here(cls, process_id: int, first: str, name: str | None = None) -> Self:
        """Return the name of this machine."""
        name = name or socket.gethostname()
        return cls(process_id, name, _address_of(name), _route_to(*first.rsplit(":", 1)))

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches the address."""
        return self.address is not None and ipaddress.ip_address(self.address).is_loopback


def require_reachable(machines: Sequence[MachineName]) -> None:
    """Raise `SettingError` if there are several machines, and one has a name that only it reaches.

    Debian writes such a name, at 127.0.1.1, into `/etc/hosts`.
    """
    wrong = [machine for machine in machines if machine.is_loopback]
    if not wrong or len({machine.route for machine in machines if machine.route is not None}) < 2:
        return
    shown = ", ".join(f"`{machine.name}` of process {machine.process_id} is {machine.address}" for machine in wrong[:4])
    others = f" and {len(wrong) - 4} more" if len(wrong) > 4 else ""
    route = wrong[0].route
    repair = "the address of its network" if route is None or ipaddress.ip_address(route).is_loopback else route
    raise SettingError(
        f"{_RULE}, and not the loopback address, but {shown}{others}; correct the line of the name in /etc/hosts "
        f"there: {repair} {wrong[0].name}"
    )


def exchange_names(group: ProcessGroup, seconds: float) -> list[MachineName]:
    """Return the names of the machines of all processes, in a group that JAX has joined; all must call this.

    It needs no connection between the processes but that to process 0.
    """
    from jax._src.distributed import global_state  # JAX has no public way to talk before Gloo connects

    client, milliseconds = global_state.client, round(1000 * seconds)
    own = MachineName.here(group.process_id, global_state.coordinator_address)
    client.key_value_set(f"{_NAMES}{group.process_id}", json.dumps(asdict(own)))
    client.wait_at_barrier(_NAMES.strip("/"), milliseconds)
    machines = [MachineName(**json.loads(value)) for _, value in client.key_value_dir_get(_NAMES)]
    return sorted(machines, key=lambda machine: machine.process_id)


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
