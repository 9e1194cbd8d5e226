from typing import Any

import jax
import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextword.training.options import TrainingOptions
from nextword.training.plan import Plan
from nextword.training.step.schedule import (
    LinearToZero,
    Rate,
    RescaledByLength,
    StepDecay,
    make_schedule,
)

PLAN = Plan(steps_per_epoch=10, round_steps=10, planned_steps=(100,))


def rates(schedule: Rate, *steps: int) -> list[float]:
    return [schedule if isinstance(schedule, float) else float(schedule(step)) for step in steps]


@pytest.mark.parametrize(
    ("warmup_steps", "total_steps", "expected"),
    [
        (4, 20, {0: 0.2, 1: 0.4, 3: 0.8, 4: 0.8, 12: 0.4, 19: 0.05, 20: 0.0, 21: 0.0, 1000: 0.0}),
        (0, 4, {0: 0.8, 1: 0.6, 2: 0.4, 3: 0.2, 4: 0.0}),
    ],
)
def test_linear_rises_to_the_peak_at_the_end_of_the_warm_up_and_falls_to_zero_after_the_last_step(
    warmup_steps: int, total_steps: int, expected: dict[int, float]
) -> None:
    schedule = LinearToZero(0.8, warmup_steps, total_steps)
    assert rates(schedule, *expected) == pytest.approx(list(expected.values()))


@settings(deadline=None)  # JAX compiles
@given(st.integers(1, 300), st.data())
def test_linear_is_positive_in_every_step_never_above_the_peak_and_has_one_top(
    total_steps: int, data: st.DataObject
) -> None:
    warmup_steps = data.draw(st.integers(0, total_steps - 1))
    curve = LinearToZero(1.0, warmup_steps, total_steps)(keras.ops.arange(303))
    values = [float(value) for value in keras.ops.convert_to_numpy(curve)]
    assert all(0.0 < value <= 1.0 for value in values[:total_steps])
    assert set(values[total_steps:]) == {0.0}
    top = values.index(max(values))
    assert values[: top + 1] == sorted(values[: top + 1])
    assert values[top:] == sorted(values[top:], reverse=True)
    assert max(values) == pytest.approx(1.0)


def test_step_is_constant_for_some_epochs_and_then_multiplied_at_the_beginning_of_each() -> None:
    schedule = StepDecay(1.0, factor=0.5, constant_epochs=4, steps_per_epoch=10)
    by_epoch = [rates(schedule, 10 * epoch, 10 * epoch + 9) for epoch in range(7)]
    assert by_epoch == [[1.0, 1.0]] * 4 + [[0.5, 0.5], [0.25, 0.25], [0.125, 0.125]]


@pytest.mark.parametrize(
    ("constant_epochs", "factor", "last_epoch", "last_rate"),
    [(4, 0.5, 13, 1 / 2**9), (6, 0.8, 39, 0.8**33), (14, 1 / 1.15, 55, 1.15**-41)],
)
def test_step_ends_as_the_models_of_zaremba_et_al_do(
    constant_epochs: int, factor: float, last_epoch: int, last_rate: float
) -> None:
    schedule = StepDecay(1.0, factor, constant_epochs, steps_per_epoch=1327)
    first_steps = [1327 * (epoch - 1) for epoch in (1, constant_epochs, constant_epochs + 1, last_epoch)]
    assert rates(schedule, *first_steps) == pytest.approx([1.0, 1.0, factor, last_rate], rel=1e-4)


@pytest.mark.parametrize("steps_per_epoch", [24, 41, 61, 115, 1327])
def test_step_cuts_at_the_first_step_of_an_epoch_within_a_compiled_step_too(steps_per_epoch: int) -> None:
    schedule = StepDecay(1.0, factor=0.5, constant_epochs=0, steps_per_epoch=steps_per_epoch)
    compiled = jax.jit(jax.vmap(schedule))
    firsts = np.arange(100, dtype=np.int32) * steps_per_epoch
    for steps in (firsts, firsts + steps_per_epoch - 1):
        halvings = -np.log2(np.asarray(compiled(steps), np.float64))
        np.testing.assert_allclose(halvings, np.arange(1, 101), atol=1e-3)


def test_step_without_constant_epochs_is_multiplied_in_the_first() -> None:
    assert rates(StepDecay(1.0, factor=0.5, constant_epochs=0, steps_per_epoch=2), 0, 2) == [0.5, 0.25]


def test_a_learning_rate_is_scaled_by_the_length_of_each_window() -> None:
    lengths = [1.0, 0.5, 1.1]
    assert rates(RescaledByLength(30.0, lengths), 0, 1, 2) == pytest.approx([30.0, 15.0, 33.0])
    linear = LinearToZero(0.8, 0, 4)
    assert rates(RescaledByLength(linear, lengths), 0, 1, 2) == pytest.approx([0.8, 0.3, 0.44])


def test_the_step_after_the_last_has_the_last_length() -> None:
    assert rates(RescaledByLength(1.0, [1.0, 0.5]), 2, 99) == [0.5, 0.5]


def made(**options: Any) -> Rate:
    table = {"learning_rate": 0.8, **options}
    return make_schedule(TrainingOptions.from_table(table), PLAN)


def test_the_schedule_has_the_right_kind() -> None:
    assert rates(made(schedule="linear"), 0, 4, 81, 100) == pytest.approx([0.16, 0.8, 0.16, 0.0])
    step = made(schedule="step", constant_epochs=2, decay_factor=0.25)
    assert rates(step, 0, 19, 20, 30) == pytest.approx([0.8, 0.8, 0.2, 0.05])
    assert made(schedule="constant") == 0.8


def test_loggers_read_the_numbers_of_a_schedule_from_the_optimizer() -> None:
    schedule = RescaledByLength(LinearToZero(0.5, 2, 8), np.ones(8))
    config = keras.optimizers.SGD(schedule).get_config()["learning_rate"]["config"]
    assert config == {"schedule": {"peak": 0.5, "warmup_steps": 2, "total_steps": 8}}
