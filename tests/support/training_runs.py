"""Runs of a model and texts on which a whole run takes a fraction of a second, once it is compiled."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nextword.model.architecture import Architecture
from nextword.model.language_model import LanguageModel
from nextword.text.batching.window import Streams, VariedStreams, Window, Windows, validation_streams
from nextword.text.options import BatchOptions
from nextword.training.checkpoint_store import CheckpointStore
from nextword.training.context import RunContext, TrainingObserver
from nextword.training.options import TrainingOptions
from nextword.training.plan import Plan, TimePlan
from nextword.training.progress import RoundRecord, TrainingProgress
from nextword.training.run import TrainingRun
from nextword.training.step.step import TrainingStep

_ARCHITECTURE = Architecture(
    vocabulary_size=12,
    embedding_size=8,
    hidden_sizes=(8,),
    tied=True,
    input_dropout_rate=0.2,
    output_dropout_rate=0.2,
    initializer_scale=0.5,
)
TRAIN = np.tile(np.random.default_rng(0).permutation(12), 25).astype(np.int32)  # 15 steps an epoch
_UNLIKE = np.random.default_rng(1).integers(0, 12, 120).astype(np.int32)  # gets worse while TRAIN gets better

OPTIONS = TrainingOptions(epochs=2.0, round_steps=6, schedule="linear", learning_rate=0.02, clip_norm=1.0)
"""Five rounds of six steps that do not end at the end of an epoch."""


class CutOffError(Exception):
    """A simulated crash."""


class _CutOffAfterEachRound(TrainingObserver):
    def on_round(self, record: RoundRecord, plan: Plan, progress: TrainingProgress) -> None:
        raise CutOffError(record.round)


class RecordedShuffle(VariedStreams):
    """Shuffled rows that note which windows are read; 15 are an epoch."""

    def __init__(self) -> None:
        super().__init__(TRAIN, BatchOptions(batch_size=4, num_steps=5, shuffle="partial"), first_input=0)
        self.read: list[int] = []

    def window(self, step: int) -> Window:
        self.read.append(step)
        return super().window(step)


def make_run(
    root: Path,
    options: TrainingOptions,
    *,
    unlike: bool = False,
    architecture: Mapping[str, Any] | None = None,
    time: TimePlan | None = None,
    train: Windows | None = None,
    valid: Windows | None = None,
    log: Callable[[TrainingProgress], object] = lambda _progress: None,
    seconds_before: float = 0.0,
    **context: Any,
) -> TrainingRun:
    """Make a run over the checkpoints in a folder, with a new model and step.

    With `unlike`, validation gets worse from round to round; `architecture` overrides options of the model.
    """
    model = LanguageModel(_ARCHITECTURE.replace(**(architecture or {})), seed=1)
    train = train or Streams(TRAIN, batch_size=4, num_steps=5, first_input=0)
    valid = valid or validation_streams(_UNLIKE if unlike else TRAIN[:120], end_id=0)
    plan = Plan.of(options, train.steps_per_epoch, time)
    step = TrainingStep(model, options, plan, train=train, valid=valid)
    return TrainingRun(step, CheckpointStore(root), log, RunContext(**context), seconds_before=seconds_before)


def finished(root: Path, options: TrainingOptions, **arguments: Any) -> TrainingRun:
    """Make a run and train to the end from the newest checkpoint of the folder."""
    run = make_run(root, options, **arguments)
    assert run.run().finished
    return run


def cut_off_after_rounds(root: Path, num_rounds: int, options: TrainingOptions, **arguments: Any) -> None:
    """Train one round, crash, resume, and so on."""
    for done in range(num_rounds):
        run = make_run(root, options, observer=_CutOffAfterEachRound(), **arguments)
        assert run.progress.rounds == done
        with pytest.raises(CutOffError):
            run.run()
