"""Chooses the model size of `auto`, and the number of steps of a run with `minutes`."""

import math
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Self

from nextword.errors import SettingError, counted
from nextword.model.architecture import useful_flops_per_word
from nextword.model.presets import DEFAULT_PRESET
from nextword.text.batching.window import Windows
from nextword.text.corpus import Corpus
from nextword.training.config import RunConfig
from nextword.training.context import RunContext
from nextword.training.plan import Plan, TimePlan, require_schedule_ending_at_zero
from nextword.training.planning.auto_settings import (
    MIDDLE_WIDTH,
    WIDTHS,
    averaging_of,
    candidates_of,
    dropout_rates,
    size_of,
    weight_decay_of,
    width_for,
)
from nextword.training.planning.preparation import WindowsOf
from nextword.training.planning.speed import (
    MIN_EPOCHS,
    RunCosts,
    measure_training,
    mixture_seconds_of,
    passes_over_valid_at_end,
)
from nextword.training.step.distillation import Teacher

_MEASURED_SECONDS = 3.0
_MEASURED_SHARE = 0.02
_VALIDATION_SHARE = 0.03
_MAX_VALIDATION_SHARE = 1 / 3
_MIN_ROUNDS = 4
_MAX_ROUNDS = 40
_ROUNDS_OF_SHORT_TEXT = 20
_SAVING_SECONDS = 0.5
_MAX_MEASURING_SHARE = 0.1
_MIN_FRACTION_LEFT = 0.5

_MAX_EPOCHS = 40.0
_WORDS_OF_MAX_EPOCHS = 20_000
"""A text of this many words is trained for at most this many epochs, and a longer text for more."""

_MAX_EPOCHS_FROM_BASE = 8.0
_WORDS_OF_MAX_EPOCHS_FROM_BASE = 30_000
"""The same for a run from a base, which learns a short text by heart much sooner."""

_PATIENCE_SHARE = 1 / 3  # rounds without improvement that end a run, as a share of its rounds
_MIN_PATIENCE = 5  # such rounds, at least


@dataclass(frozen=True)
class Budget:
    """The time of a run, from the command to the bundle."""

    seconds: float  # total time
    began: float  # start time, by `time.monotonic`

    @property
    def spent(self) -> float:
        """Seconds spent."""
        return time.monotonic() - self.began

    @property
    def is_late(self) -> bool:
        """Whether too little of the time is left for a run."""
        return self.seconds - self.spent < _MIN_FRACTION_LEFT * self.seconds

    @property
    def left(self) -> float:
        """Seconds left; half of the time if it is late, so that there is a model at all."""
        return max(self.seconds - self.spent, _MIN_FRACTION_LEFT * self.seconds)


def plan_time(
    config: RunConfig,
    windows_of: WindowsOf,
    teacher: Teacher | None,
    *,
    corpus: Corpus,
    began: float,
    context: RunContext,
) -> RunConfig:
    """Return the settings with a time plan if a new run has `minutes`, and for `auto` with a size that suits.

    With `epochs`, the words that training sees are known. With `minutes`, two measurements of this machine decide:
    the throughput of the middle size of `auto` gives the model size, and the throughput of the chosen model gives the
    number of steps. On a slow machine, the first one is all there is time for.

    A short text is trained for fewer epochs than the time allows. The run stops early if validation has not improved
    for a third of the rounds.

    Raises:
        SettingError: Validation and evaluation would take all the time, or an override sets a schedule that does not
            end at zero.
    """
    if config.given.get("origin", {}).get("text_sha256", corpus.sha256) != corpus.sha256:
        config = replace(config, plan=None)  # it was made for another text
    has_base, is_auto = config.training.base is not None, config.preset == DEFAULT_PRESET and config.plan is None
    if config.training.minutes is None or config.plan is not None:
        return _for_epochs(config, corpus, windows_of) if is_auto else config
    budget = Budget(60.0 * config.training.minutes, began)
    config = _with_schedule_ending_at_zero(config, context)
    vocabulary_size, speed = corpus.tokenizer.vocabulary_size, None
    seconds = min(_MEASURED_SECONDS, _MEASURED_SHARE * budget.seconds)
    measure = partial(measure_training, seconds=seconds, teacher=teacher)
    if is_auto and not has_base:
        config = _with_sampled_softmax(config, vocabulary_size)
        speed = measure(_sized(config, MIDDLE_WIDTH), vocabulary_size)
        config = _with_size(config, corpus, budget, speed.flops_per_second, context)
    if speed is None or budget.spent <= _MAX_MEASURING_SHARE * budget.seconds:
        speed = measure(config, vocabulary_size)
    words_per_second = speed.flops_per_second / useful_flops_per_word(config.model.build(vocabulary_size))
    if is_auto and has_base:
        config = _with_rates_of_base(config, corpus, words_per_second * budget.left / len(corpus.train.ids))
    windows = windows_of(config.batching)
    plan = _plan(config, corpus, windows, budget, words_per_second)
    if budget.is_late:
        context.say(
            f"reading the text and measuring this machine took {budget.spent:.0f} of {budget.seconds:.0f} seconds, so "
            f"the run takes about {counted(round(plan.seconds), 'second')} more"
        )
    context.detail(
        f"about {words_per_second:,.0f} words/s here: {counted(plan.planned_steps[0], 'step')}, "
        f"{plan.planned_steps[0] / windows.steps_per_epoch:.1f} epochs, in {counted(budget.seconds / 60, 'minute')}"
    )
    return _with_patience(replace(config, plan=plan), math.ceil(plan.planned_steps[0] / plan.round_steps))


def _with_rates_of_base(config: RunConfig, corpus: Corpus, epochs: float) -> RunConfig:
    num_words = len(corpus.train.ids)
    read = max(MIN_EPOCHS, min(epochs, _max_epochs(num_words, has_base=True)))
    return _with_rates(config, read, num_words)


def _for_epochs(config: RunConfig, corpus: Corpus, windows_of: WindowsOf) -> RunConfig:
    epochs, num_words = config.training.epochs, len(corpus.train.ids)
    if config.training.base is None:
        sized = _sized(config, width_for(lambda _: epochs * num_words))
        return _with_rates(_with_sampled_softmax(sized, corpus.tokenizer.vocabulary_size), epochs, num_words)
    config = _with_rates_of_base(config, corpus, epochs)
    return _with_patience(config, Plan.of(config.training, windows_of(config.batching).steps_per_epoch).num_rounds)


def _with_patience(config: RunConfig, num_rounds: int) -> RunConfig:
    if config.training.patience is not None:
        return config
    patience = max(_MIN_PATIENCE, math.ceil(_PATIENCE_SHARE * num_rounds))
    return replace(config, training=config.training.replace(patience=patience))


def _max_epochs(num_words: int, *, has_base: bool = False) -> float:
    if has_base:
        return _MAX_EPOCHS_FROM_BASE * max(1.0, num_words / _WORDS_OF_MAX_EPOCHS_FROM_BASE)
    return _MAX_EPOCHS * max(1.0, num_words / _WORDS_OF_MAX_EPOCHS)


def _with_schedule_ending_at_zero(config: RunConfig, context: RunContext) -> RunConfig:
    schedule = config.training.schedule
    if schedule == "linear":
        return config
    if "schedule" in config.given.get("training", {}):
        require_schedule_ending_at_zero(config.training)
    context.say(f"schedule linear instead of the preset's {schedule}, because the learning rate must end at zero")
    return replace(config, training=config.training.replace(schedule="linear"))


@dataclass(frozen=True)
class _Timeline:
    """How the time of a run is spent: steps and rounds of training, then evaluation and mixture."""

    costs: RunCosts
    passes_at_end: float  # validations that take as long as the evaluation at the end
    mixture_seconds: float  # 0 without a mixture
    num_rounds: int  # each ends with a validation
    num_steps: int  # of training; none or fewer if the time is too short

    @classmethod
    def of(cls, config: RunConfig, corpus: Corpus, budget: Budget, words_per_second: float) -> Self:
        """Return what fits at a speed, without a limit of the epochs."""
        costs = RunCosts.of(config, corpus, words_per_second)
        passes_at_end = passes_over_valid_at_end(config, corpus) / costs.passes
        mixture_seconds = mixture_seconds_of(config, corpus, costs)
        training = budget.left - mixture_seconds - passes_at_end * costs.validation
        num_rounds = _num_rounds(training / costs.validation)
        if round_steps := config.training.round_steps:
            num_rounds = max(1, round(training / (round_steps * costs.step + costs.validation)))
        return cls(costs, passes_at_end, mixture_seconds, num_rounds, costs.steps_in(training, num_rounds))


def _plan(config: RunConfig, corpus: Corpus, windows: Windows, budget: Budget, words_per_second: float) -> TimePlan:
    timeline = _Timeline.of(config, corpus, budget, words_per_second)
    steps, validation = timeline.num_steps, timeline.costs.validation
    round_steps = config.training.round_steps or max(1, math.ceil(steps / timeline.num_rounds))
    most = _max_epochs(len(corpus.train.ids), has_base=config.training.base is not None)
    max_steps = math.ceil(most * windows.steps_per_epoch)
    needed = None
    if steps > max_steps:
        steps = max_steps
        round_steps = config.training.round_steps or math.ceil(steps / _ROUNDS_OF_SHORT_TEXT)
        num_validations = math.ceil(steps / round_steps) + timeline.passes_at_end
        needed = budget.spent + steps * timeline.costs.step
        needed += num_validations * (validation + _SAVING_SECONDS) + timeline.mixture_seconds
        needed = min(needed, budget.seconds)
    if steps < 1:
        others = (1 + timeline.passes_at_end) * validation + timeline.mixture_seconds
        raise SettingError(
            f"`minutes` must leave time for training after one validation, the final evaluation and the mixture, which "
            f"take about {others:.0f} seconds here, but is {budget.seconds / 60:g}; give more time, or shorter valid "
            "and test splits"
        )
    return TimePlan(
        seconds=budget.left,
        passes_at_end=timeline.passes_at_end,
        round_steps=round_steps,
        planned_steps=(steps,),
        needed_seconds=needed,
        mixture_seconds=timeline.mixture_seconds,
        token_seconds=timeline.costs.token,
    )


def _num_rounds(validations: float) -> int:
    affordable = max(1, math.floor(_MAX_VALIDATION_SHARE * validations))
    fewest = min(_MIN_ROUNDS, affordable)
    return min(_MAX_ROUNDS, max(fewest, math.floor(_VALIDATION_SHARE * validations)))


def _with_sampled_softmax(config: RunConfig, vocabulary_size: int) -> RunConfig:
    """Return the settings with candidates in place of a large vocabulary, if they allow it."""
    candidates = candidates_of(vocabulary_size)
    if config.training.sampled_softmax is not None or not candidates:
        return config
    return config.with_choices({"training": {"sampled_softmax": candidates}})


def _with_size(
    config: RunConfig, corpus: Corpus, budget: Budget, flops_per_second: float, context: RunContext
) -> RunConfig:
    vocabulary_size, num_words = corpus.tokenizer.vocabulary_size, len(corpus.train.ids)
    most = _max_epochs(num_words) * num_words

    def words_in(sized: RunConfig) -> float:
        words_per_second = flops_per_second / useful_flops_per_word(sized.model.build(vocabulary_size))
        steps = _Timeline.of(sized, corpus, budget, words_per_second).num_steps
        return min(max(1, steps) * sized.batching.batch_size * sized.batching.num_steps, most)

    width = WIDTHS[0] if budget.is_late else width_for(lambda width: words_in(_sized(config, width)))
    config = _sized(config, width)
    config = _with_rates(config, words_in(config) / num_words, num_words)
    words = words_in(config)  # fewer if averages are validated
    epochs = words / num_words
    config = _with_rates(config, epochs, num_words)
    context.detail(
        f"time for about {words / 1e6:.1f} million words or {epochs:.1f} epochs: "
        f"embedding {config.model.embedding_size}, layers {list(config.model.hidden_sizes)}"
    )
    return config


def _sized(config: RunConfig, width: int) -> RunConfig:
    return config.with_choices(size_of(width, config.given.get("model", {})))


def _with_rates(config: RunConfig, epochs: float, num_words: int) -> RunConfig:
    training: dict[str, Any] = {"weight_decay": weight_decay_of(num_words)}
    if config.training.base is None:
        training["averaging"] = averaging_of(num_words, epochs)
    return config.with_choices({"model": dropout_rates(epochs), "training": training})
