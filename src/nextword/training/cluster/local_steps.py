"""Local steps: each process trains a round by itself, then the weights of all become one.

    RUN/                         the run of process 0, and the model
    RUN/process-1/checkpoints/   the checkpoints of process 1: its optimizer and its carried state

Each process reads an equal part of the text. A round is the number of local steps.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, override

import numpy as np
from numpy.typing import NDArray

from nextword.errors import CheckpointError, SettingError
from nextword.system import sealed_directory
from nextword.text.batching.window import TokenIds
from nextword.training.checkpoint_store import JSON, Arrays, Checkpoint, CheckpointStore
from nextword.training.cluster.group import Collective, Group, ProcessGroup
from nextword.training.config import RunConfig

if TYPE_CHECKING:
    from nextword.model.language_model import LanguageModel

_LEARNING_RATE, _MOMENTUM = 0.7, 0.5
_NAME = "outer/momentum"
_MAX_CHECKPOINTS = 8  # more than a store keeps


class LocalSteps(Group):
    r"""Processes that average their weights at the end of each round, and move along the mean change.

    With $w$ before the round and $w_p$ after the local steps of process $p$, each process takes the same step of
    Nesterov's method, from one sum over all $P$ processes:

    $$g = \frac{1}{P} \sum_p (w - w_p), \quad m \leftarrow \mu m + g, \quad w \leftarrow w - \eta (g + \mu m)$$

    Attributes:
        momentum: $m$ of all weights, one after the other `(N,)`; empty before the first round.

    Source:
        Douillard et al. (2023), "DiLoCo: Distributed Low-Communication Training of Language Models", algorithm 1; the
        rate $\eta = 0.7$ is theirs. Their $\mu = 0.9$ needs hundreds of rounds; we take 0.5.
    """

    def __init__(self, group: ProcessGroup, collective: Collective | None = None) -> None:
        super().__init__(group, collective)
        self.momentum = self._weights = np.zeros(0, np.float32)

    @override
    def settings(self, config: RunConfig) -> RunConfig:
        options = config.training
        if options.minutes is not None:
            raise SettingError(
                "`strategy` 'local-steps' must train for given `epochs`, but not `minutes`; give `epochs`"
            )
        if options.averaging != "none":
            raise SettingError(
                f"`averaging` must be none with `strategy` 'local-steps', which averages the weights itself, but is "
                f"{options.averaging!r}; set it to none"
            )
        return config

    @override
    def part(self, ids: TokenIds) -> TokenIds:
        """Return one of equal parts; what is left over is not read."""
        length = len(ids) // self.num_processes
        return ids[self.process_id * length : (self.process_id + 1) * length]

    @override
    def store(self, root: Path, warn: Callable[[str], object]) -> CheckpointStore:
        own = root if self.process_id == 0 else root / f"process-{self.process_id}"
        return _CheckpointsOfOne(own / "checkpoints", self, warn)

    @override
    def begin_round(self, model: "LanguageModel") -> None:
        self._weights = _flat(model.named_weights())
        if not self.momentum.size:
            self.momentum = np.zeros_like(self._weights)

    @override
    def exchange(self, model: "LanguageModel") -> None:
        own = model.named_weights()
        change = self.collective.sum(self._weights - _flat(own)) / np.float32(self.num_processes)
        self.momentum = _MOMENTUM * self.momentum + change
        weights = self._weights - _LEARNING_RATE * (change + _MOMENTUM * self.momentum)
        ends = np.cumsum([weight.size for weight in own.values()])[:-1]
        parts = zip(own.items(), np.split(weights.astype(np.float32), ends), strict=True)
        model.set_named_weights({name: part.reshape(weight.shape) for (name, weight), part in parts})


class _CheckpointsOfOne(CheckpointStore):
    """The checkpoints of one process, with the momentum of all.

    A process that is killed may miss the newest round of the others. All resume from the newest round that all have.
    """

    def __init__(self, root: Path, processes: LocalSteps, warn: Callable[[str], object]) -> None:
        super().__init__(root, warn)
        self._processes = processes

    @override
    def save(self, step: int, arrays: Arrays, state: Mapping[str, JSON], *, best: bool = False) -> Path:
        momentum = self._processes.momentum
        return super().save(step, {**arrays, _NAME: momentum} if momentum.size else arrays, state, best=best)

    @override
    def newest(self) -> Checkpoint | None:
        """Return the newest checkpoint that all have, and take its momentum. Later ones are removed."""
        common = self._newest_of_all()
        for step in self._steps():
            if step > common:
                sealed_directory.remove(self._path(step))
        checkpoint = super().newest()
        none = np.zeros(0, np.float32)  # before the first step there is none
        self._processes.momentum = checkpoint.arrays.get(_NAME, none) if checkpoint else none
        return checkpoint and _without_momentum(checkpoint)

    @override
    def best(self) -> Checkpoint | None:
        checkpoint = super().best()
        return checkpoint and _without_momentum(checkpoint)

    def _newest_of_all(self) -> int:
        """Return the newest step that all have; -1 if the run ended before all had saved the first round."""
        own = list(self._valid_steps())
        padded = np.full((1, _MAX_CHECKPOINTS), -1)
        padded[0, : len(own)] = own
        steps: list[set[int]] = [set(row.tolist()) for row in self._processes.collective.gather(padded)]
        common = max(set.intersection(*steps))
        if common < 0 and max(map(len, steps)) > 2:  # some have two rounds, besides the padding
            lacking = [number for number, row in enumerate(steps) if len(row) == 1]
            raise CheckpointError(
                f"each of the {len(steps)} processes must have its own checkpoints to resume, but {lacking} have none; "
                "start as many processes as began the run, each with its part of the run directory"
            )
        return common


def _flat(weights: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
    return np.concatenate([weight.ravel() for weight in weights.values()])


def _without_momentum(checkpoint: Checkpoint) -> Checkpoint:
    return replace(checkpoint, arrays={name: array for name, array in checkpoint.arrays.items() if name != _NAME})
