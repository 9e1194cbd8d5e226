"""Measures the training throughput of this machine, and what a run takes at it."""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np

from nextword.model.architecture import useful_flops_per_word
from nextword.model.language_model import LanguageModel
from nextword.text.batching.window import make_windows
from nextword.text.corpus import Corpus
from nextword.training.config import RunConfig
from nextword.training.plan import MixturePlan, Plan
from nextword.training.step.averaging import NUM_AVERAGES
from nextword.training.step.distillation import Teacher, stream_model_of
from nextword.training.step.step import TrainingStep

# Tokens of the Penn Treebank's training split, the reference length of an epoch.
PTB_TOKENS = 929_589

_VOCABULARY_SIZE = 10_000
_WINDOWS_OF_TEXT = 50
_MAX_STEPS = 600
_NUM_TIMINGS = 3  # the fastest counts: another program, or memory used for the first time, slows one by up to a quarter

_VALIDATION_COST = 0.5  # time to validate a token / to train on one
_FINAL_PASS_COST = 1.3  # time to evaluate a token at the end / to validate one

_PASSES_FROM_BASE = 3  # over valid, to find how much of what training changed is kept

MIN_EPOCHS = 0.001
"""A run reads at least this share of its text."""


@dataclass(frozen=True, kw_only=True)
class TrainingSpeed:
    """The throughput of real training steps on random tokens."""

    compute_dtype: str  # precision of the matrix products
    num_steps: int  # training steps of the fastest timing
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
        teacher = Teacher.open(options.teacher, options.compute_dtype)
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
    """Time steps for about `seconds`; return the number and the time of the fastest timing."""
    num_steps = 2
    _seconds_of(step, num_steps)  # compiles
    taken = _seconds_of(step, num_steps)
    if taken < seconds:
        num_steps = min(_MAX_STEPS, math.ceil(num_steps * seconds / taken / _NUM_TIMINGS))
        taken = min(_seconds_of(step, num_steps) for _ in range(_NUM_TIMINGS))
    return num_steps, taken


def _seconds_of(step: TrainingStep, num_steps: int) -> float:
    return step.train_round(0, num_steps).seconds


@dataclass(frozen=True)
class RunCosts:
    """About how long the parts of a run take."""

    step: float  # seconds of a step
    token: float  # seconds in which the network reads a token, without learning
    reading: float  # seconds in which the validation split is read once
    passes: int  # how often a validation reads it: once for each weight average

    @classmethod
    def of(cls, config: RunConfig, text: Corpus, words_per_second: float) -> Self:
        """Return the costs on a machine that trains on `words_per_second`."""
        token = validation_cost(config, text.tokenizer.vocabulary_size) / words_per_second
        return cls(
            step=config.batching.batch_size * config.batching.num_steps / words_per_second,
            token=token,
            reading=token * len(text.valid.ids),
            passes=max(1, NUM_AVERAGES[config.training.averaging]),
        )

    @property
    def validation(self) -> float:
        """Seconds of a validation."""
        return self.passes * self.reading

    def steps_in(self, seconds: float, num_rounds: int) -> int:
        """Return how many steps fit in the time, with the validations of the rounds."""
        return math.floor((seconds - num_rounds * self.validation) / self.step)


def expected_seconds(config: RunConfig, corpus: Corpus, plan: Plan, words_per_second: float) -> float:
    """Return about how long a run takes: training, the validations of its rounds, and the evaluation at the end."""
    costs = RunCosts.of(config, corpus, words_per_second)
    at_the_end = passes_over_valid_at_end(config, corpus) * costs.reading + mixture_seconds_of(config, corpus, costs)
    return plan.total_steps * costs.step + plan.num_rounds * costs.validation + at_the_end


def passes_over_valid_at_end(config: RunConfig, corpus: Corpus) -> float:
    """Return how many passes over valid take as long as the evaluation of valid and test at the end."""
    on_valid = 1 if config.training.base is None else _PASSES_FROM_BASE
    return _FINAL_PASS_COST * (on_valid + len(corpus.test.ids) / len(corpus.valid.ids))


def mixture_seconds_of(config: RunConfig, corpus: Corpus, costs: RunCosts) -> float:
    """Return the time that the mixture may take after training; 0 if the run makes none."""
    mixture = MixturePlan.of(config.training, corpus, costs.token)
    return mixture.seconds if mixture else 0.0


def validation_cost(config: RunConfig, vocabulary_size: int) -> float:
    """Return the time to validate a token, relative to that of training on one.

    With a sampled softmax, training computes the candidates and the targets of a step, but validation all tokens.
    """
    sampled = config.training.sampled_softmax
    if not sampled:
        return _VALIDATION_COST
    computed = min(vocabulary_size, sampled + config.batching.batch_size * config.batching.num_steps)
    whole, part = (useful_flops_per_word(config.model.build(size)) for size in (vocabulary_size, computed))
    return _VALIDATION_COST * whole / part
