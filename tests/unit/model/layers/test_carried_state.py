from typing import Any

import jax
import keras
import numpy as np
import pytest

from nextword.model.layers.carried_state import CarriedState
from nextword.model.layers.recurrence import HiddenState
from nextword.model.ops.lstm import LSTMState

NO_RESET = np.array([False, False, False])


def state_of(start: float) -> tuple[LSTMState, ...]:
    """Return a state of distinct numbers for layers of width 2 and 4."""
    sizes = (2, 2, 4, 4)
    arrays = [np.arange(3 * size, dtype=np.float32).reshape(3, size) + start + 100 * k for k, size in enumerate(sizes)]
    return LSTMState(*arrays[:2]), LSTMState(*arrays[2:])


def assert_same(ours: Any, theirs: Any) -> None:
    jax.tree.map(np.testing.assert_array_equal, ours, theirs)


def test_the_first_state_is_zero() -> None:
    assert_same(CarriedState((2, 4), 3)(NO_RESET), jax.tree.map(np.zeros_like, state_of(1)))


def test_an_assigned_state_is_returned() -> None:
    carried = CarriedState((2, 4), 3)
    carried.assign(state_of(1))
    assert_same(carried(NO_RESET), state_of(1))
    carried.assign(state_of(7))
    assert_same(carried(NO_RESET), state_of(7))


@pytest.mark.parametrize("reset", [[True, False, False], [False, True, True], [True, True, True]])
def test_exactly_the_rows_to_reset_begin_at_zero(reset: list[bool]) -> None:
    carried = CarriedState((2, 4), 3)
    carried.assign(state_of(1))
    keep = ~np.array(reset)[:, None]
    assert_same(carried(np.array(reset)), jax.tree.map(lambda array: np.where(keep, array, 0), state_of(1)))


def test_it_holds_exactly_the_arrays_of_the_cell() -> None:
    carried = CarriedState((2, 4), 3, cell="gru")
    assert [weight.name for weight in carried.weights] == ["hidden_0", "hidden_1"]
    state = tuple(HiddenState(lstm.hidden) for lstm in state_of(1))
    carried.assign(state)
    assert_same(carried(NO_RESET), state)


def test_reading_changes_nothing() -> None:
    carried = CarriedState((2, 4), 3)
    carried.assign(state_of(1))
    carried(np.array([True, True, True]))
    assert_same(carried(NO_RESET), state_of(1))


def test_the_state_is_in_weights_that_are_saved_and_not_trained() -> None:
    carried = CarriedState((2, 4), 3)
    carried.assign(state_of(1))
    assert not carried.trainable_weights
    assert [weight.shape for weight in carried.non_trainable_weights] == [(3, 2), (3, 4), (3, 2), (3, 4)]
    another = CarriedState((2, 4), 3)
    another.set_weights(carried.get_weights())
    assert_same(another(NO_RESET), state_of(1))


def test_no_gradient_flows_into_the_previous_window() -> None:
    carried = CarriedState((2, 4), 3)

    def carried_sum(state: Any) -> Any:
        with keras.StatelessScope() as scope:
            carried.assign(state)
        return sum(scope.get_current_value(variable).sum() for variable in carried.variables)

    total, gradient = jax.value_and_grad(carried_sum)(state_of(1))
    assert total > 0
    assert all(not np.any(leaf) for leaf in jax.tree.leaves(gradient))
