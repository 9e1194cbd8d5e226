"""Chooses model size and number of steps for a run with `minutes`."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nextword.architecture import useful_flops_per_word
from nextword.batching.window import Windows
from nextword.batching.windows import make_windows
from nextword.errors import SettingError
from nextword.models.presets import DEFAULT_PRESET, read_preset
from nextword.text.corpus import Corpus
from nextword.text.counted import counted
from nextword.training.averaging import NUM_AVERAGES
from nextword.training.config import RunConfig
from nextword.training.plan import SCHEDULES_ENDING_AT_ZERO, Plan, TimePlan, require_schedule_ending_at_zero
from nextword.training.speed import measure_training

_MEASURED_SECONDS = 2.0
_VALIDATION_COST = 0.5
_VALIDATION_SHARE = 0.03
_MAX_VALIDATION_SHARE = 1 / 3
_MIN_ROUNDS = 4
_MAX_ROUNDS = 40
_FINAL_PASS_COST = 1.3
_MIN_FRACTION_LEFT = 0.5

Say = Callable[[str], object]


@dataclass(frozen=True)
class Budget:
    """The time of a run, from the command to the bundle.

    Attributes:
        seconds: Total time.
        began: Start time, by `time.monotonic`.
    """

    seconds: float
    began: float

    @property
    def left(self) -> float:
        """Seconds left."""
        return self.seconds - (time.monotonic() - self.began)


def plan_time(config: RunConfig, corpus: Corpus, budget: Budget, say: Say) -> RunConfig:
    """Return the settings with a time plan, and for the preset `auto` with a model size that fits the time.

    Two measurements of this machine decide: the throughput of the middle size of `auto` gives the model size, and the
    throughput of the chosen model gives the number of steps.

    Args:
        config: Resolved settings.
        corpus: The text.
        budget: The time.
        say: Receives the measured throughput and the decisions.

    Raises:
        SettingError: The measurement takes half of the time, validation and evaluation would take the rest, or an
            override sets a schedule that does not end at zero.
    """
    config = _with_schedule_ending_at_zero(config, say)
    if config.origin.get("preset") == DEFAULT_PRESET:
        config = _choose_size(config, corpus, budget, say)
    speed = measure_training(config, corpus.tokenizer.vocabulary_size, seconds=_MEASURED_SECONDS)
    _require_time_left(budget)
    windows = make_windows(corpus.train.ids, config.batching, end_id=corpus.tokenizer.vocabulary.end_id)
    plan = _plan(config, corpus, windows, budget, speed.words_per_second)
    say(
        f"{speed.words_per_second:,.0f} words/s here: {counted(plan.planned_steps[0], 'step')}, "
        f"{plan.planned_steps[0] / windows.steps_per_epoch:.1f} epochs, in {counted(budget.seconds / 60, 'minute')}"
    )
    return replace(config, plan=plan)


def expected_seconds(config: RunConfig, corpus: Corpus, plan: Plan, words_per_second: float) -> float:
    """Return about how long a run takes: training, the validations of its rounds, and the evaluation at the end."""
    training = plan.total_steps * config.batching.batch_size * config.batching.num_steps / words_per_second
    passes = max(1, NUM_AVERAGES[config.training.averaging])
    cost = _validation_cost(config, corpus)
    validation = cost * len(corpus.valid.ids) / words_per_second
    at_the_end = _FINAL_PASS_COST * cost * (len(corpus.valid.ids) + len(corpus.test.ids)) / words_per_second
    return training + plan.num_rounds * passes * validation + at_the_end


def _validation_cost(config: RunConfig, corpus: Corpus) -> float:
    """Return the time to validate a token, relative to that of training on one.

    With a sampled softmax, training computes the candidates and the targets of a step, but validation all tokens.
    """
    sampled, vocabulary_size = config.training.sampled_softmax, corpus.tokenizer.vocabulary_size
    if sampled is None:
        return _VALIDATION_COST
    computed = min(vocabulary_size, sampled + config.batching.batch_size * config.batching.num_steps)
    whole, part = (useful_flops_per_word(config.model.build(size)) for size in (vocabulary_size, computed))
    return _VALIDATION_COST * whole / part


def _with_schedule_ending_at_zero(config: RunConfig, say: Say) -> RunConfig:
    """Return the settings with a linear schedule if the preset's schedule does not end at zero."""
    schedule = config.training.schedule
    if schedule in SCHEDULES_ENDING_AT_ZERO:
        return config
    if "schedule" in config.given.get("training", {}):
        require_schedule_ending_at_zero(config.training)
    say(f"schedule linear instead of the preset's {schedule}, because the learning rate must end at zero")
    return replace(config, training=config.training.replace(schedule="linear"))


def _require_time_left(budget: Budget) -> None:
    if budget.left < _MIN_FRACTION_LEFT * budget.seconds:
        raise SettingError(
            f"`minutes` must leave half of the time after measuring this machine, which took "
            f"{budget.seconds - budget.left:.0f} seconds, but is {budget.seconds / 60:g}; give more time, "
            "or `epochs` and a preset"
        )


def _plan(config: RunConfig, corpus: Corpus, windows: Windows, budget: Budget, words_per_second: float) -> TimePlan:
    step_seconds = windows.batch_size * windows.num_steps / words_per_second
    passes = max(1, NUM_AVERAGES[config.training.averaging])
    validation = passes * _validation_cost(config, corpus) * len(corpus.valid.ids) / words_per_second
    passes_at_end = _FINAL_PASS_COST * (1.0 + len(corpus.test.ids) / len(corpus.valid.ids)) / passes
    seconds = budget.left
    training = seconds - passes_at_end * validation
    rounds = _num_rounds(training / validation)
    steps = math.floor((training - rounds * validation) / step_seconds)
    if steps < 1:
        raise SettingError(
            f"`minutes` must leave time for training after one validation and the final evaluation, which take about "
            f"{(1 + passes_at_end) * validation:.0f} seconds here, but is {budget.seconds / 60:g}; give more time, or "
            "shorter valid and test splits"
        )
    return TimePlan(
        seconds=seconds,
        passes_at_end=passes_at_end,
        round_steps=config.training.round_steps or max(1, math.ceil(steps / rounds)),
        planned_steps=(steps,),
    )


def _num_rounds(validations: float) -> int:
    """Return the number of rounds in a time that is worth `validations` validations."""
    affordable = max(1, math.floor(_MAX_VALIDATION_SHARE * validations))
    fewest = min(_MIN_ROUNDS, affordable)
    return min(_MAX_ROUNDS, max(fewest, math.floor(_VALIDATION_SHARE * validations)))


def _choose_size(config: RunConfig, corpus: Corpus, budget: Budget, say: Say) -> RunConfig:
    """Return the settings with the size and regularisation for the number of words that fit in the time."""
    family, vocabulary_size = read_preset(DEFAULT_PRESET), corpus.tokenizer.vocabulary_size
    sizes = family["sizes"]
    middle = config.with_choices(sizes[len(sizes) // 2]["settings"])
    speed = measure_training(middle, vocabulary_size, seconds=_MEASURED_SECONDS)
    _require_time_left(budget)
    candidates = [config.with_choices(size["settings"]) for size in sizes]
    flops = [useful_flops_per_word(candidate.model.build(vocabulary_size)) for candidate in candidates]
    words = [speed.flops_per_second * budget.left / each for each in flops]
    chosen = max(index for index, size in enumerate(sizes) if words[index] >= size["at_least_words"])
    epochs = words[chosen] / len(corpus.train.ids)
    rates = {
        "model": _interpolated(family["regularization"], epochs),
        "training": {"weight_decay": _weight_decay(family, len(corpus.train.ids))},
    }
    config = config.with_choices(sizes[chosen]["settings"], rates)
    say(
        f"time for about {words[chosen] / 1e6:.1f} million words or {epochs:.1f} epochs: "
        f"embedding {config.model.embedding_size}, layers {list(config.model.hidden_sizes)}"
    )
    return config


def _weight_decay(family: Mapping[str, Any], num_words: int) -> float:
    """Return the weight decay for a text of `num_words` words, with two digits."""
    weight_decay = min(family["most_weight_decay"], family["weight_decay_of_text"] / num_words)
    return float(f"{weight_decay:.1e}")


def _interpolated(rows: Sequence[Mapping[str, float]], epochs: float) -> dict[str, float]:
    """Interpolate the rows at a number of epochs, linearly in its logarithm and constant beyond the last row."""
    known, names = np.log([row["epochs"] for row in rows]), [name for name in rows[0] if name != "epochs"]
    rates = {name: np.interp(math.log(epochs), known, [row[name] for row in rows]) for name in names}
    return {name: round(float(rate), 3) for name, rate in rates.items()}
