"""How many words a second training goes over here, measured by training."""

import math
import time
from dataclasses import dataclass
from typing import Literal

import keras
import numpy as np

from nextword.architecture import Architecture, useful_flops_per_word
from nextword.batching.window import Windows
from nextword.batching.windows import make_windows
from nextword.models.language_model import LanguageModel
from nextword.training.candidate_sampler import make_sampler
from nextword.training.config import RunConfig
from nextword.training.optimizer import make_optimizer
from nextword.training.step import RoundDataset, StreamModel

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

    compute_dtype: Literal["float32", "bfloat16"]
    num_steps: int
    seconds: float
    words_per_second: float
    flops_per_second: float

    @property
    def minutes_per_ptb_epoch(self) -> float:
        """Minutes for an epoch of a text as long as the Penn Treebank's, validation aside."""
        return PTB_TOKENS / self.words_per_second / 60


def measure_training(
    config: RunConfig, compute_dtype: Literal["float32", "bfloat16"], *, seconds: float
) -> TrainingSpeed:
    """Train the model of `config` for about so many seconds, on random words of its vocabulary, of 10,000 without one.

    Compiling comes before, and takes some seconds more.
    """
    architecture = Architecture.from_table({"vocabulary_size": _VOCABULARY_SIZE, **config.model})
    batching = config.batching.replace(variable_num_steps=False)  # each length would be compiled while it is timed
    num_tokens = _WINDOWS_OF_TEXT * batching.batch_size * batching.num_steps + 1
    ids = np.random.default_rng(0).integers(architecture.vocabulary_size, size=num_tokens, dtype=np.int32)
    windows = make_windows(ids, batching, end_id=0)
    stream = StreamModel(
        LanguageModel(architecture, compute_dtype=compute_dtype),
        batch_size=batching.batch_size,
        loss=config.training.loss,
        sampler=make_sampler(config.training, architecture.vocabulary_size),
    )
    steps_per_epoch = windows.steps_per_epoch
    stream.compile(make_optimizer(config.training, steps_per_epoch=steps_per_epoch, total_steps=_MOST_STEPS))

    num_steps, taken = _timed_steps(stream, windows, seconds)
    words_per_second = num_steps * batching.batch_size * batching.num_steps / taken
    return TrainingSpeed(
        compute_dtype=compute_dtype,
        num_steps=num_steps,
        seconds=taken,
        words_per_second=words_per_second,
        flops_per_second=words_per_second * useful_flops_per_word(architecture),
    )


def _timed_steps(stream: keras.Model, windows: Windows, seconds: float) -> tuple[int, float]:
    """Return a number of steps that takes about so many seconds, and what they took."""
    num_steps = 2
    _fit_seconds(stream, RoundDataset(windows, num_steps))  # compiles
    taken = _fit_seconds(stream, RoundDataset(windows, num_steps))
    if taken < seconds:
        num_steps = min(_MOST_STEPS, math.ceil(num_steps * seconds / taken))
        taken = _fit_seconds(stream, RoundDataset(windows, num_steps))
    return num_steps, taken


def _fit_seconds(stream: keras.Model, dataset: RoundDataset) -> float:
    start = time.perf_counter()
    stream.fit(dataset, shuffle=False, verbose=0)
    return time.perf_counter() - start
