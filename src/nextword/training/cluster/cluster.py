"""What a run of several processes does together: stop, save, and agree on its settings."""

import tomllib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, override

import numpy as np

from nextword.errors import SettingError, TrainingInterrupted
from nextword.text.corpus import Corpus
from nextword.training.checkpoint_store import JSON, Arrays, Checkpoint, CheckpointStore
from nextword.training.cluster.group import group_for
from nextword.training.config import RunConfig
from nextword.training.context import RunContext, TrainingObserver
from nextword.training.interruption import Interruption
from nextword.training.report.run_logger import RunLogger

if TYPE_CHECKING:
    from nextword.training.cluster.joined import Processes


class SharedInterruption(Interruption):
    """Stops all processes at the end of the round in which a signal reached one of them.

    A process that stopped by itself would leave the others waiting. A second signal acts at once.
    """

    def __init__(self, processes: "Processes") -> None:
        super().__init__()
        self._processes = processes

    @override
    def raise_if_requested(self) -> None:
        """Do nothing; the round ends first."""

    @override
    def raise_between_rounds(self) -> None:
        signals = self._processes.gather(np.array([self.signal_number or 0]))
        if signals.any():
            raise TrainingInterrupted(int(signals.max()))


class SharedCheckpointStore(CheckpointStore):
    """Checkpoints that the first process writes and reads for all."""

    def __init__(self, root: Path, processes: "Processes", warn: Callable[[str], object]) -> None:
        super().__init__(root, warn)
        self._processes = processes

    @override
    def save(self, step: int, arrays: Arrays, state: Mapping[str, JSON], *, best: bool = False) -> Path:
        return super().save(step, arrays, state, best=best) if self._processes.group.is_first else self._path(step)

    @override
    def newest(self) -> Checkpoint | None:
        return self._shared(super().newest)

    @override
    def best(self) -> Checkpoint | None:
        return self._shared(super().best)

    def _shared(self, read: Callable[[], Checkpoint | None]) -> Checkpoint | None:
        own = read() if self._processes.group.is_first else None
        table = own and {"step": own.step, "state": dict(own.state), "best_step": own.best_step}
        table = self._processes.agree(table)
        if table is None:
            return None
        arrays = self._processes.agree_on_arrays({} if own is None else own.arrays)
        return Checkpoint(arrays=arrays, **table)


def join_for(config: RunConfig, *, has_model: bool = False) -> "Processes | None":
    """Return the processes that share the batches of a run, or `None`.

    Raises:
        SettingError: The batch cannot be shared equally, or the model is one of the user's.
        ProcessLostError: Not all processes came.
    """
    strategy = config.training.strategy
    group = group_for(strategy) if strategy == "data-parallel" else None  # a member of a population has none
    if group is None:
        return None
    if has_model:
        raise SettingError("`strategy` 'data-parallel' must build the model itself, but `model` is given; leave it out")
    if config.batching.batch_size % group.num_processes:
        raise SettingError(
            f"`batch_size` must be a multiple of the number of processes, {group.num_processes}, but is "
            f"{config.batching.batch_size}; change it"
        )
    from nextword.training.cluster.joined import join

    return join(group)


def writes(processes: "Processes | None") -> bool:
    """Return whether this process writes the files of the run."""
    return processes is None or processes.group.is_first


def agreed_config(
    config: RunConfig, corpus: Corpus, processes: "Processes | None", settle: Callable[[], RunConfig]
) -> RunConfig:
    """Return the settings as the first process settles them.

    Raises:
        SettingError: The processes read different texts.
    """
    if processes is None:
        return settle()
    processes.require_same("the text", corpus.sha256)
    toml = processes.agree(settle().to_toml() if processes.group.is_first else None)
    return replace(RunConfig.from_tables(tomllib.loads(toml)), given=config.given)


def quiet_unless_first(context: RunContext, processes: "Processes | None") -> RunContext:
    """Return the context of a process: only the first one reports."""
    if writes(processes):
        return context
    callbacks = [each for each in context.callbacks if not isinstance(each, RunLogger)]
    return replace(context, observer=TrainingObserver(), say=lambda _message: None, reading=None, callbacks=callbacks)


def lost_processes_named(processes: "Processes | None") -> AbstractContextManager[Any]:
    """Return a context that names the cause if a computation fails because another process is gone."""
    if processes is None:
        return nullcontext()
    from nextword.training.cluster.joined import lost_processes_named as named

    named_losses: AbstractContextManager[Any] = named()
    return named_losses
