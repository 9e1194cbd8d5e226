"""Measures the training throughput of this machine."""

import math
from dataclasses import dataclass

import numpy as np

from nextword.model.architecture import useful_flops_per_word
from nextword.model.language_model import LanguageModel
from nextword.text.batching.streams import make_windows
from nextword.training.config import RunConfig
from nextword.training.plan import Plan
from nextword.training.step.distillation import Teacher, stream_model_of
from nextword.training.step.step import TrainingStep

# Tokens of the Penn Treebank's training split, the reference length of an epoch.
PTB_TOKENS = 929_589

_VOCABULARY_SIZE = 10_000
_WINDOWS_OF_TEXT = 50
_MAX_STEPS = 2000


@dataclass(frozen=True, kw_only=True)
class TrainingSpeed:
    """The throughput of real training steps on random tokens."""

    compute_dtype: str  # precision of the matrix products
    num_steps: int  # timed training steps, without those that compile
    seconds: float  # time of these steps
    words_per_second: float  # training throughput
    flops_per_second: float  # floating-point operations per second of the matrix products

    @property
    def minutes_per_ptb_epoch(self) -> float:
        """Minutes for an epoch over a text as long as the Penn Treebank's, without validation."""
        return PTB_TOKENS / self.words_per_second / 60


def measure_training(
    config: RunConfig, vocabulary_size: int = _VOCABULARY_SIZE, *, seconds: float, teacher: Teacher | None = None
) -> TrainingSpeed:
    """Measure the throughput of the training step of `config` on random tokens.

    Compilation takes some seconds more.
    """
    architecture = config.model.build(vocabulary_size)
    batching = config.batching.replace(variable_num_steps=False)  # each length would compile during the measurement
    num_tokens = _WINDOWS_OF_TEXT * batching.batch_size * batching.num_steps + 1
    ids = np.random.default_rng(0).integers(vocabulary_size, size=num_tokens, dtype=np.int32)
    windows = make_windows(ids, batching, end_id=0)
    model = LanguageModel(architecture, compute_dtype=config.training.compute_dtype)
    # A plan by epochs, because the step's arithmetic does not depend on what ends the run.
    options = config.training.replace(minutes=None)
    plan = Plan(windows.steps_per_epoch, _MAX_STEPS, (_MAX_STEPS,))
    if teacher is None and options.teacher is not None:
        teacher = Teacher.open(options.teacher)
    if teacher is not None:
        teacher.require_vocabulary_size(vocabulary_size)
    step = TrainingStep(model, options, plan, train=windows, valid=windows, stream_model=stream_model_of(teacher))

    num_steps, taken = _timed_steps(step, seconds)
    words_per_second = num_steps * step.words_per_step / taken
    return TrainingSpeed(
        compute_dtype=model.product_dtype,
        num_steps=num_steps,
        seconds=taken,
        words_per_second=words_per_second,
        flops_per_second=words_per_second * useful_flops_per_word(architecture),
    )


def _timed_steps(step: TrainingStep, seconds: float) -> tuple[int, float]:
    """Time as many steps as take about `seconds`; return their number and their time."""
    num_steps = 2
    _seconds_of(step, num_steps)  # compiles
    taken = _seconds_of(step, num_steps)
    if taken < seconds:
        num_steps = min(_MAX_STEPS, math.ceil(num_steps * seconds / taken))
        taken = _seconds_of(step, num_steps)
    return num_steps, taken


def _seconds_of(step: TrainingStep, num_steps: int) -> float:
    return step.train_round(0, num_steps).seconds
