"""Processes that compute together, joined by JAX."""

import ctypes
import json
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache, cached_property
from typing import Any

import jax
import numpy as np
import safetensors.numpy
from jax.experimental import multihost_utils
from jax.sharding import Mesh
from numpy.typing import NDArray

from nextword.errors import ProcessLostError, SettingError
from nextword.training.cluster.group import ProcessGroup
from nextword.training.cluster.machine_name import RULE, exchange_names, require_reachable

AXIS = "processes"
"""The axis of the mesh: one device of each process."""

_SECONDS_TO_JOIN = 120
_HEARTBEAT = "NEXTWORD_HEARTBEAT_SECONDS"
_SECONDS_WITHOUT_HEARTBEAT = 40
_SECONDS_TO_LEAVE = 60

_REPAIR = "see its output, then start all again with `train --resume RUN`: at most one round is lost"

_LOST = ("Gloo", "NCCL", "Connection closed by peer", "coordination service", "Connection reset", "heartbeat")
"""Words in the errors of JAX if another process is gone."""


class Processes:
    """The processes of one training run.

    All methods must be called by all processes, in the same order.

    Args:
        group: The group, which has been joined.
    """

    def __init__(self, group: ProcessGroup) -> None:
        self.group = group

    @property
    def part(self) -> tuple[int, int]:
        """Number of processes, and number of this one."""
        return self.group.num_processes, self.group.process_id

    @cached_property
    def mesh(self) -> Mesh:
        """One device of each process."""
        if jax.device_count() != self.group.num_processes:
            raise SettingError(
                f"each process must have one device, but {self.group.num_processes} processes have "
                f"{jax.device_count()}; start one process for each GPU, and let it see only that one"
            )
        return Mesh(np.array(jax.devices()), (AXIS,))

    def agree(self, value: Any) -> Any:
        """Return the JSON value that the first process gives."""
        return json.loads(self._broadcast(json.dumps(value).encode()).decode())

    def agree_on_arrays(self, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Return the arrays that the first process gives, by name."""
        data = safetensors.numpy.save(dict(arrays)) if self.group.is_first else b""
        return safetensors.numpy.load(self._broadcast(data))

    def gather(self, array: Any) -> NDArray[Any]:
        """Return the rows of all processes `(n * B, ...)`, for rows `(B, ...)` of each."""
        with lost_processes_named():
            rows: NDArray[Any] = multihost_utils.process_allgather(np.asarray(array), tiled=True)
            return rows

    def require_same(self, name: str, value: str) -> None:
        """Raise unless all processes give the same value.

        Raises:
            SettingError: A process has another value than the first.
        """
        first = self.agree(value)
        differ = self.gather(np.array([first != value])).nonzero()[0].tolist()
        if differ:
            raise SettingError(
                f"{name} must be the same in all processes, but differs in {differ} from process 0; start all "
                "processes with the same command, on the same files"
            )

    def _broadcast(self, data: bytes) -> bytes:
        """Return the bytes of the first process."""
        with lost_processes_named():
            size = int(multihost_utils.broadcast_one_to_all(np.array(len(data), np.int64)))
            own = np.frombuffer(data, np.uint8) if self.group.is_first else np.zeros(size, np.uint8)
            return bytes(np.asarray(multihost_utils.broadcast_one_to_all(own), np.uint8))


@cache
def join(group: ProcessGroup) -> Processes:
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
    return Processes(group)


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
def lost_processes_named() -> Iterator[None]:
    """Turn the error of a computation whose other processes are gone into `ProcessLostError`."""
    try:
        yield
    except (ValueError, RuntimeError) as error:
        if not any(word in str(error) for word in _LOST):
            raise
        if "context initialization failed" in str(error) and "remote=[127." in str(error):
            raise SettingError(f"{RULE}, but one is the loopback address; correct its line in /etc/hosts") from error
        raise ProcessLostError(
            f"all processes must continue to the end, but another one is gone ({str(error).splitlines()[0]:.240}); "
            f"{_REPAIR}"
        ) from error
