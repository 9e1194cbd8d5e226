import sys
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
import pytest

from nextword.ops import lstm_jax
from nextword.ops.lstm import LSTMState, lstm, lstm_path, lstm_reference


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


def test_torch_takes_pytorchs_own_but_for_a_single_step(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def spy(*arguments: Any) -> Any:
        asked.append((arguments[0].shape, arguments[-1]))
        return lstm_jax.lstm_recurrence(*arguments)

    monkeypatch.setattr("keras.backend.backend", lambda: "torch")
    monkeypatch.setitem(sys.modules, "nextword.ops.lstm_torch", SimpleNamespace(lstm_recurrence=spy))
    inputs, state, weights = arguments()
    for num_steps in (5, 1):
        steps = inputs[:, :num_steps]
        hiddens, after = lstm(steps, state, **weights, compute_dtype="bfloat16")
        expected, expected_after = lstm_reference(steps, state, **weights)
        np.testing.assert_allclose(hiddens, expected, atol=4e-2)
        np.testing.assert_allclose(after.cell, expected_after.cell, atol=4e-2)
    assert asked == [((5, 2, 3), "bfloat16")]  # time-major


def test_pytorch_is_not_imported_on_another_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nextword.ops.lstm_torch", None)  # to import it would fail
    inputs, state, weights = arguments()
    for backend in ("jax", "another"):
        monkeypatch.setattr("keras.backend.backend", lambda backend=backend: backend)
        lstm(inputs, state, **weights)


@pytest.mark.parametrize(
    ("backend", "said"), [("jax", "scan"), ("torch", "PyTorch"), ("numpy", "reference"), ("tensorflow", "reference")]
)
def test_the_path_is_told_in_words(monkeypatch: pytest.MonkeyPatch, backend: str, said: str) -> None:
    monkeypatch.setattr("keras.backend.backend", lambda: backend)
    assert said in lstm_path()


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
