"""The fast recurrence has the values and all gradients of the reference."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nextword.model.ops import products
from nextword.model.ops.lstm import LSTMState, lstm, lstm_reference
from support.arrays import assert_near

Arrays = dict[str, NDArray[np.float32]]
Recurrence = Callable[..., tuple[Any, LSTMState]]
Shape = tuple[int, int, int, int]  # B, T, I, H


def drawn(shape: Shape, seed: int = 0) -> tuple[Arrays, tuple[NDArray[np.float32], ...]]:
    """Return all inputs of the recurrence, and cotangents for all of its results."""
    batch_size, num_steps, input_size, hidden_size = shape
    random = np.random.default_rng(seed)

    def normal(*shape: int, scale: float = 1.0) -> NDArray[np.float32]:
        return random.normal(scale=scale, size=shape).astype(np.float32)

    arrays = {
        "inputs": normal(batch_size, num_steps, input_size),
        "hidden": normal(batch_size, hidden_size, scale=0.5),
        "cell": normal(batch_size, hidden_size),
        "kernel": normal(input_size, 4 * hidden_size, scale=input_size**-0.5),
        "recurrent_kernel": normal(hidden_size, 4 * hidden_size, scale=hidden_size**-0.5),
        "bias": normal(4 * hidden_size),
    }
    state = (batch_size, hidden_size)
    return arrays, (normal(batch_size, num_steps, hidden_size), normal(*state), normal(*state))


def values_and_gradients(
    recurrence: Recurrence, arrays: Arrays, cotangents: tuple[Any, ...], compute_dtype: str | None = None
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return hidden states, last hidden state and cell, and the gradient of each array."""
    values, gradients = compiled(recurrence, compute_dtype, products.CHUNK_ROWS)(arrays, cotangents)
    return values, gradients


@cache
def compiled(recurrence: Recurrence, compute_dtype: str | None, _chunk_rows: int) -> Callable[..., Any]:
    options = {"compute_dtype": compute_dtype} if compute_dtype else {}

    def run(arrays: Arrays) -> tuple[Any, ...]:
        weights = {name: arrays[name] for name in ("kernel", "recurrent_kernel", "bias")}
        hiddens, state = recurrence(arrays["inputs"], LSTMState(arrays["hidden"], arrays["cell"]), **weights, **options)
        return (hiddens, *state)

    def both(arrays: Arrays, cotangents: tuple[Any, ...]) -> Any:
        values, pull_back = jax.vjp(run, arrays)
        return values, pull_back(cotangents)[0]

    function: Callable[..., Any] = jax.jit(both)
    return function


def assert_paths_agree(shape: Shape, seed: int, compute_dtype: str, tolerance: float) -> None:
    arrays, cotangents = drawn(shape, seed)
    fast = values_and_gradients(lstm, arrays, cotangents, compute_dtype=compute_dtype)
    assert_near(fast, values_and_gradients(lstm_reference, arrays, cotangents), tolerance)
    assert fast[1].keys() == arrays.keys()


sizes = st.integers(1, 6)


@settings(max_examples=3)
@given(st.tuples(sizes, sizes, sizes, sizes), st.integers(0, 2**32 - 1))
def test_values_and_all_gradients_match_the_reference(shape: Shape, seed: int) -> None:
    assert_paths_agree(shape, seed, "float32", tolerance=1e-5)


def test_weight_gradients_of_several_chunks_match_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "CHUNK_ROWS", 4)
    assert_paths_agree((3, 5, 7, 4), 0, "float32", tolerance=1e-5)


# Shapes for which XLA does not use its regular bfloat16 product.
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (1, 4, 1, 5), (3, 1, 7, 1), (1, 2, 3, 1), (5, 3, 33, 17)], ids=str)
def test_bfloat16_runs_in_every_shape_and_is_close_to_the_reference(shape: Shape) -> None:
    assert_paths_agree(shape, 1, "bfloat16", tolerance=4e-2)


def test_bfloat16_is_less_precise_than_float32() -> None:
    arrays, cotangents = drawn((5, 3, 33, 17))
    exact, exact_gradients = values_and_gradients(lstm, arrays, cotangents, compute_dtype="float32")
    coarse, coarse_gradients = values_and_gradients(lstm, arrays, cotangents, compute_dtype="bfloat16")
    assert float(np.abs(exact[0] - coarse[0]).max()) > 1e-4
    for name, gradient in coarse_gradients.items():
        assert float(np.abs(gradient - exact_gradients[name]).max()) > 1e-4, name


def test_saturated_gates_give_finite_gradients() -> None:
    arrays, cotangents = drawn((2, 3, 4, 5))
    arrays["bias"] *= 1000
    values, gradients = values_and_gradients(lstm, arrays, cotangents)
    assert all(np.isfinite(array).all() for array in (*values, *gradients.values()))


# In bfloat16 the sigmoid of 6.2 and more is 1, but its gradient must not be 0.
@pytest.mark.parametrize("gate", range(4), ids=["input", "forget", "candidate", "output"])
@pytest.mark.parametrize("bias", [-7.0, 7.0])
def test_bfloat16_keeps_the_gradient_of_a_nearly_saturated_gate(gate: int, bias: float) -> None:
    arrays, cotangents = drawn((8, 5, 16, 12))
    of_gate = slice(gate * 12, (gate + 1) * 12)
    arrays["bias"][of_gate] = bias
    _, exact = values_and_gradients(lstm_reference, arrays, cotangents)
    _, coarse = values_and_gradients(lstm, arrays, cotangents, compute_dtype="bfloat16")
    expected, found = (np.asarray(gradients["bias"])[of_gate] for gradients in (exact, coarse))
    assert np.linalg.norm(found - expected) < 0.05 * np.linalg.norm(expected)


@pytest.mark.parametrize(("compute_dtype", "tolerance"), [("float32", 1e-5), ("bfloat16", 4e-2)])
def test_a_modulated_state_matches_the_values_and_gradients_of_the_reference(
    compute_dtype: str, tolerance: float
) -> None:
    factors = np.random.default_rng(4).uniform(0.0, 2.0, size=(3, 5, 4)).astype(np.float32)
    arrays, cotangents = drawn((3, 5, 7, 4), seed=1)
    fast = partial(lstm, modulation=factors)
    found = values_and_gradients(fast, arrays, cotangents, compute_dtype=compute_dtype)
    slow = partial(lstm_reference, modulation=factors.transpose(1, 0, 2))
    reference = values_and_gradients(slow, arrays, cotangents)
    assert_near(found, reference, tolerance)
    assert not np.allclose(reference[0][0], values_and_gradients(lstm_reference, arrays, cotangents)[0][0], atol=1e-2)
