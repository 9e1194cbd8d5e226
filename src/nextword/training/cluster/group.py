"""The processes that train together, as a launcher describes them in the environment, and what all of them share."""

import json
import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self, override

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from nextword.errors import SettingError, TrainingInterrupted
from nextword.training import require_framework
from nextword.training.checkpoint_store import JSON, Arrays, Checkpoint, CheckpointStore
from nextword.training.context import Interruption, RunContext, TrainingObserver
from nextword.training.options import Strategy
from nextword.training.solo import Solo

if TYPE_CHECKING:
    from nextword.training.step.step import TrainingStep

_KERAS = ("KERAS_DISTRIBUTION_NUM_PROCESSES", "KERAS_DISTRIBUTION_PROCESS_ID")
_ADDRESSES = "KERAS_DISTRIBUTION_JOB_ADDRESSES"
_LAUNCHERS = (_KERAS, ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"), ("SLURM_STEP_NUM_TASKS", "SLURM_PROCID"))
"""Number of processes and number of this process, as Keras, Open MPI and Slurm name them. The first pair wins."""


@dataclass(frozen=True)
class ProcessGroup:
    """The processes of one training run."""

    num_processes: int
    process_id: int  # number of this process, from 0
    address: str | None = None  # `HOST:PORT` of process 0; `None` if JAX finds it, as under Slurm

    def __post_init__(self) -> None:
        if not 0 <= self.process_id < self.num_processes:
            raise SettingError(
                f"the number of a process must be from 0 to {self.num_processes - 1}, but is {self.process_id}; "
                f"correct {_KERAS[1]}, or the launcher"
            )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self | None:
        """Return the group that this process belongs to; `None` if no launcher started it.

        Raises:
            SettingError: A variable is not a number, or one of a pair is missing.
        """
        for pair in _LAUNCHERS:
            values = [environment[name] for name in pair if name in environment]
            if not values or (pair is not _KERAS and pair[0] not in environment):  # sbatch sets SLURM_PROCID alone
                continue
            if len(values) < len(pair) or not all(value.isdecimal() for value in values):
                shown = ", ".join(f"{name}={environment.get(name, '')}" for name in pair)
                raise SettingError(f"{' and '.join(pair)} must both be whole numbers, but are {shown}; set both")
            address = environment.get(_ADDRESSES, "").partition(",")[0] or None
            return cls(int(values[0]), int(values[1]), address)
        return None

    def to_environment(self) -> dict[str, str]:
        """Return the variables from which a process of its own reads this group."""
        variables = dict(zip(_KERAS, (str(self.num_processes), str(self.process_id)), strict=True))
        return variables | ({_ADDRESSES: self.address} if self.address else {})


def group_for(strategy: Strategy | None) -> ProcessGroup | None:
    """Return the processes that share a run; `None` for a run of one process.

    Raises:
        SettingError: There is a strategy without processes, or `nextword launch` started processes without a strategy.
    """
    group = ProcessGroup.from_environment()
    if strategy is None:
        if group is not None and group.num_processes > 1 and _KERAS[0] in os.environ:
            raise SettingError(
                f"`strategy` must say how {group.num_processes} processes train, but is not given; add "
                "`--strategy population` or `--strategy data-parallel`"
            )
        return None
    if group is None:
        raise SettingError(
            f"`strategy` {strategy!r} needs several processes, but this is one; start them with "
            "`nextword launch -n 2 train ...`, Slurm or Open MPI"
        )
    return group


class Collective(Protocol):
    """Operations that all processes take part in, in the same order; `joined.Joined` has them from JAX."""

    def broadcast(self, data: bytes) -> bytes:
        """Return the bytes of process 0."""

    def gather(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return the rows of all processes `(n * B, ...)`, for rows `(B, ...)` of each."""

    def sum(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the sum of the arrays of all processes, with the same bits in each."""

    def errors(self) -> AbstractContextManager[None]:
        """Name a lost process in errors of the block; after any error, this process does not wait for the others."""


class Group(Solo):
    """Several processes that train one model together. Process 0 decides, writes and reports."""

    def __init__(self, group: ProcessGroup, collective: Collective | None = None) -> None:
        self.num_processes, self.process_id = group.num_processes, group.process_id
        self._group = group
        if collective is not None:
            self.collective = collective

    @cached_property
    def collective(self) -> Collective:
        """What joins the processes; JAX waits for all of them, once."""
        from nextword.training.cluster.joined import join  # needs JAX

        return join(self._group)

    @override
    def context(self, context: RunContext) -> RunContext:
        if self.writes:
            return context
        from nextword.training.report.tensorboard_logger import TensorBoardLogger  # needs Keras

        callbacks = [callback for callback in context.callbacks if not isinstance(callback, TensorBoardLogger)]
        return replace(context, observer=TrainingObserver(), say=lambda _: None, reading=None, callbacks=callbacks)

    @override
    def agree[Value](self, value: Value) -> Value:
        agreed: Value = json.loads(self.collective.broadcast(json.dumps(value).encode()))
        return agreed

    def agree_on_arrays(self, arrays: Arrays) -> Arrays:
        """Return the arrays of process 0, by name."""
        data = safetensors.numpy.save(dict(arrays)) if self.writes else b""
        return safetensors.numpy.load(self.collective.broadcast(data))

    @override
    def require_same(self, name: str, value: str) -> None:
        differs = self.collective.gather(np.array([self.agree(value) != value]))
        if differs.any():
            raise SettingError(
                f"{name} must be the same in all processes, but differs in {differs.nonzero()[0].tolist()} from "
                "process 0; start all processes with the same command, on the same files"
            )

    @override
    def interruption(self) -> Interruption:
        return _InterruptionOfAll(self.collective)

    @override
    def share_start(self, step: "TrainingStep") -> None:
        step.restore(self.agree_on_arrays(step.capture()))

    @override
    def __enter__(self) -> Self:
        """Meet the others, and connect to them while all are at the same point: Gloo waits for seconds only.

        Raises:
            MissingExtraError: The extra `train` is not installed.
            ProcessLostError: Not all came.
            SettingError: JAX has computed before, or machines do not find each other.
        """
        require_framework()  # takes seconds, which may differ
        self.agree(None)
        return self

    @override
    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        with self.collective.errors():
            if error is not None:
                raise error
            self.agree(None)


class _InterruptionOfAll(Interruption):
    """Stops all processes at the end of the round in which a signal reached one of them.

    A process that stopped by itself would leave the others waiting. A second signal acts at once.
    """

    def __init__(self, collective: Collective) -> None:
        super().__init__()
        self._collective = collective

    @override
    def raise_if_requested(self) -> None:
        """Do nothing; the round ends first."""

    @override
    def raise_between_rounds(self) -> None:
        signals = self._collective.gather(np.array([self.signal_number or 0]))
        if signals.any():
            raise TrainingInterrupted(int(signals.max()))


class SharedCheckpointStore(CheckpointStore):
    """Checkpoints that process 0 writes and reads for all."""

    def __init__(self, root: Path, group: Group, warn: Callable[[str], object]) -> None:
        super().__init__(root, warn)
        self._group = group

    @override
    def save(self, step: int, arrays: Arrays, state: Mapping[str, JSON], *, best: bool = False) -> Path:
        return super().save(step, arrays, state, best=best) if self._group.writes else self._path(step)

    @override
    def newest(self) -> Checkpoint | None:
        return self._shared(super().newest)

    @override
    def best(self) -> Checkpoint | None:
        return self._shared(super().best)

    def _shared(self, read: Callable[[], Checkpoint | None]) -> Checkpoint | None:
        own = read() if self._group.writes else None
        table: dict[str, Any] = {}
        if own is not None:
            table = {"step": own.step, "state": dict(own.state), "best_step": own.best_step}
        table = self._group.agree(table)
        if not table:
            return None
        arrays = self._group.agree_on_arrays({} if own is None else own.arrays)
        return Checkpoint(arrays=arrays, **table)
