from typing import Any

import keras
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextword.training.options import TrainingOptions
from nextword.training.schedule import LinearToZero, StepDecay, make_optimizer


def rates(schedule: keras.optimizers.schedules.LearningRateSchedule, *steps: int) -> list[float]:
    return [float(schedule(step)) for step in steps]


def test_linear_rises_from_the_first_step_to_the_peak_at_the_end_of_the_warm_up() -> None:
    assert rates(LinearToZero(0.8, warmup_steps=4, total_steps=20), 0, 1, 2, 3) == pytest.approx([0.2, 0.4, 0.6, 0.8])


def test_linear_falls_from_the_peak_to_zero_after_the_last_step() -> None:
    schedule = LinearToZero(0.8, warmup_steps=4, total_steps=20)
    assert rates(schedule, 4, 12, 19, 20) == pytest.approx([0.8, 0.4, 0.05, 0.0])
    assert rates(schedule, 20, 21, 1000) == [0.0, 0.0, 0.0]


def test_linear_without_a_warm_up_begins_at_the_peak() -> None:
    assert rates(LinearToZero(0.8, warmup_steps=0, total_steps=4), 0, 1, 2, 3, 4) == pytest.approx(
        [0.8, 0.6, 0.4, 0.2, 0.0]
    )


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


def test_step_without_constant_epochs_is_multiplied_in_the_first() -> None:
    assert rates(StepDecay(1.0, factor=0.5, constant_epochs=0, steps_per_epoch=2), 0, 2) == [0.5, 0.25]


@pytest.mark.parametrize("schedule", [LinearToZero(0.3, 2, 9), StepDecay(0.3, 0.7, 1, 3)])
def test_a_schedule_is_rebuilt_from_its_config(schedule: keras.optimizers.schedules.LearningRateSchedule) -> None:
    rebuilt = keras.optimizers.schedules.deserialize(keras.optimizers.schedules.serialize(schedule))
    assert rates(rebuilt, *range(10)) == rates(schedule, *range(10))


def rate_after(optimizer: keras.optimizers.Optimizer, steps: int) -> float:
    optimizer.iterations.assign(steps)
    return float(optimizer.learning_rate)


def test_the_optimizer_follows_the_schedule_asked_for() -> None:
    def made(**options: Any) -> keras.optimizers.Optimizer:
        table = {"learning_rate": 0.8, **options}
        return make_optimizer(TrainingOptions.from_table(table), steps_per_epoch=10, total_steps=100)

    linear = made(schedule="linear", warmup_fraction=0.2)
    assert [rate_after(linear, step) for step in (0, 19, 60, 100)] == pytest.approx([0.04, 0.8, 0.4, 0.0])
    step = made(schedule="step", constant_epochs=2, decay_factor=0.25)
    assert [rate_after(step, steps) for steps in (0, 19, 20, 30)] == pytest.approx([0.8, 0.8, 0.2, 0.05])
    for schedule in ("constant", "plateau"):
        assert [rate_after(made(schedule=schedule), steps) for steps in (0, 99)] == pytest.approx([0.8, 0.8])


@pytest.mark.parametrize(("name", "kind"), [("adam", keras.optimizers.Adam), ("sgd", keras.optimizers.SGD)])
def test_the_optimizer_is_the_one_asked_for_and_clips_over_all_weights(name: str, kind: Any) -> None:
    options = TrainingOptions.from_table({"optimizer": name, "clip_norm": 0.25})
    optimizer: Any = make_optimizer(options, steps_per_epoch=10, total_steps=100)
    assert type(optimizer) is kind
    assert (optimizer.global_clipnorm, optimizer.clipnorm, optimizer.clipvalue) == (0.25, None, None)
