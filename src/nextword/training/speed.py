"""How fast training is on this machine, measured by training."""

import math
from dataclasses import dataclass

import numpy as np

from nextword.architecture import useful_flops_per_word
from nextword.batching.windows import make_windows
from nextword.models.language_model import LanguageModel
from nextword.training.config import RunConfig
from nextword.training.plan import Plan
from nextword.training.step import TrainingStep

# Tokens of the Penn Treebank's training split, by which the length of an epoch is told.
PTB_TOKENS = 929_589

_VOCABULARY_SIZE = 10_000
_WINDOWS_OF_TEXT = 50
_MOST_STEPS = 2000


@dataclass(frozen=True, kw_only=True)
class TrainingSpeed:
    """What some real training steps on random tokens came to.

    Attributes:
        compute_dtype: Precision of the matrix products.
        num_steps: Training steps that were timed, after those that compile.
        seconds: What they took.
        words_per_second: Words trained on in a second.
        flops_per_second: Useful floating-point operations in a second, those of the matrix products.
    """

    compute_dtype: str
    num_steps: int
    seconds: float
    words_per_second: float
    flops_per_second: float

    @property
    def minutes_per_ptb_epoch(self) -> float:
        """Minutes for an epoch of a text as long as the Penn Treebank's, validation aside."""
        return PTB_TOKENS / self.words_per_second / 60


def measure_training(config: RunConfig, vocabulary_size: int = _VOCABULARY_SIZE, *, seconds: float) -> TrainingSpeed:
    """Run the training step of `config` for about `seconds` on random words, and return its speed.

    Compiling comes before, and takes some seconds more.

    Args:
        config: What is trained; its precision is resolved.
        vocabulary_size: Tokens of the vocabulary.
        seconds: The time to measure.

    Raises:
        SettingError: The settings do not go with the vocabulary.
    """
    architecture = config.model.build(vocabulary_size)
    batching = config.batching.replace(variable_num_steps=False)  # each length would be compiled while it is timed
    num_tokens = _WINDOWS_OF_TEXT * batching.batch_size * batching.num_steps + 1
    ids = np.random.default_rng(0).integers(vocabulary_size, size=num_tokens, dtype=np.int32)
    windows = make_windows(ids, batching, end_id=0)
    model = LanguageModel(architecture, compute_dtype=config.training.compute_dtype)
    # A plan by epochs, whatever decides on the steps of the run: the step's arithmetic is the same.
    options = config.training.replace(minutes=None)
    plan = Plan(windows.steps_per_epoch, _MOST_STEPS, (_MOST_STEPS,))
    step = TrainingStep(model, options, plan, train=windows, valid=windows)

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
    """Return a number of steps that takes about `seconds`, and what they took."""
    num_steps = 2
    _seconds_of(step, num_steps)  # compiles
    taken = _seconds_of(step, num_steps)
    if taken < seconds:
        num_steps = min(_MOST_STEPS, math.ceil(num_steps * seconds / taken))
        taken = _seconds_of(step, num_steps)
    return num_steps, taken


def _seconds_of(step: TrainingStep, num_steps: int) -> float:
    return step.learn(0, num_steps).seconds
