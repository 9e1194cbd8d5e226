from typing import Any

import jax
import numpy as np
import pytest

from nextword.ops import lstm_jax
from nextword.ops.lstm import LSTMState, lstm, lstm_reference


def arguments() -> tuple[Any, LSTMState, dict[str, Any]]:
    random = np.random.default_rng(3)
    shapes = {"kernel": (3, 16), "recurrent_kernel": (4, 16), "bias": (16,)}
    weights = {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    state = LSTMState(*random.normal(size=(2, 2, 4)).astype(np.float32))
    return random.normal(size=(2, 5, 3)).astype(np.float32), state, weights


def test_jax_takes_the_fast_path_in_the_precision_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    precisions = []
    recurrence = lstm_jax.lstm_recurrence

    def spy(*arguments: Any) -> Any:
        precisions.append(arguments[-1])
        return recurrence(*arguments)

    monkeypatch.setattr(lstm_jax, "lstm_recurrence", spy)
    inputs, state, weights = arguments()
    lstm(inputs, state, **weights, compute_dtype="bfloat16")
    assert precisions == ["bfloat16"]


def test_other_backends_take_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keras.backend.backend", lambda: "another")
    monkeypatch.delattr(lstm_jax, "lstm_recurrence")
    inputs, state, weights = arguments()
    hiddens, _ = lstm(inputs, state, **weights)
    np.testing.assert_array_equal(hiddens, lstm_reference(inputs, state, **weights)[0])


@pytest.mark.parametrize("recurrence", [lstm, lstm_reference])
def test_the_state_after_is_the_last_hidden_state_and_the_cell_beneath_it(recurrence: Any) -> None:
    inputs, state, weights = arguments()
    hiddens, after = recurrence(inputs, state, **weights)
    assert isinstance(after, LSTMState)
    assert hiddens.shape == (2, 5, 4)
    np.testing.assert_array_equal(hiddens[:, -1], after.hidden)
    assert np.abs(np.asarray(after.hidden)).max() < np.abs(np.asarray(after.cell)).max()


@pytest.mark.parametrize("recurrence", [lstm, lstm_reference])
def test_no_step_sees_what_comes_after_it(recurrence: Any) -> None:
    inputs, state, weights = arguments()
    changed = inputs.copy()
    changed[:, 3:] += 1
    before, after = (jax.jit(recurrence)(array, state, **weights)[0] for array in (inputs, changed))
    np.testing.assert_array_equal(before[:, :3], after[:, :3])
    assert not np.allclose(before[:, 3:], after[:, 3:])


@pytest.mark.parametrize("recurrence", [lstm, lstm_reference])
def test_the_rows_of_a_batch_do_not_see_each_other(recurrence: Any) -> None:
    inputs, state, weights = arguments()
    both, _ = recurrence(inputs, state, **weights)
    alone, _ = recurrence(inputs[1:], LSTMState(state.hidden[1:], state.cell[1:]), **weights)
    np.testing.assert_allclose(alone[0], both[1], atol=1e-6)
