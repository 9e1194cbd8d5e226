import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.training.options import TrainingOptions
from nextword.training.round_plan import RoundPlan

epochs = st.floats(0.001, 60.0)
steps_per_epoch = st.integers(1, 100_000)


@given(epochs, steps_per_epoch, st.none() | st.integers(1, 300_000))
def test_rounds_cover_the_epochs_asked_and_overshoot_by_less_than_a_round(
    epochs: float, steps_per_epoch: int, round_steps: int | None
) -> None:
    plan = RoundPlan.of(TrainingOptions(epochs=epochs, round_steps=round_steps), steps_per_epoch)
    wanted = max(1, epochs * steps_per_epoch)
    assert plan.total_steps == plan.num_rounds * plan.round_steps
    assert wanted <= plan.total_steps < wanted + plan.round_steps + 1
    assert (plan.num_rounds - 1) * plan.round_steps < wanted


@given(epochs, steps_per_epoch)
def test_a_round_is_at_most_two_thousand_steps_and_never_longer_than_an_epoch_unless_asked(
    epochs: float, steps_per_epoch: int
) -> None:
    plan = RoundPlan.of(TrainingOptions(epochs=epochs), steps_per_epoch)
    assert 1 <= plan.round_steps <= min(2_000, steps_per_epoch)
    assert plan.steps_per_epoch == steps_per_epoch


@given(st.integers(1, 100_000))
def test_the_rounds_of_an_epoch_are_even(steps_per_epoch: int) -> None:
    plan = RoundPlan.of(TrainingOptions(epochs=1), steps_per_epoch)
    assert plan.num_rounds == -(-steps_per_epoch // 2_000)
    assert plan.total_steps - steps_per_epoch < plan.num_rounds


@given(epochs, steps_per_epoch, st.integers(1, 300_000))
def test_the_steps_asked_for_are_taken_unless_training_is_shorter(
    epochs: float, steps_per_epoch: int, round_steps: int
) -> None:
    plan = RoundPlan.of(TrainingOptions(epochs=epochs, round_steps=round_steps), steps_per_epoch)
    assert plan.round_steps == round_steps or (plan.round_steps < round_steps and plan.num_rounds == 1)


@pytest.mark.parametrize(
    ("epochs", "steps", "round_steps", "expected"),
    [
        (13, 1327, None, (1327, 13)),
        (2, 2000, None, (2000, 2)),
        (2, 2001, None, (1001, 4)),
        (0.5, 100, None, (50, 1)),
        (0.001, 10, None, (1, 1)),
        (3, 63, 15, (15, 13)),
        (2, 5000, 3000, (3000, 4)),
    ],
)
def test_some_plans(epochs: float, steps: int, round_steps: int | None, expected: tuple[int, int]) -> None:
    plan = RoundPlan.of(TrainingOptions(epochs=epochs, round_steps=round_steps), steps)
    assert (plan.round_steps, plan.num_rounds) == expected
