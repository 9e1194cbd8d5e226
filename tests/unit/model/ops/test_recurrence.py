"""`run_recurrence` matches the steps in sequence."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextword.model.ops import products
from nextword.model.ops.recurrence import project, run_recurrence
from support.arrays import assert_near
from support.references import recurrence_reference

Shape = tuple[int, int, int, int]  # B, T, I, H


def step(multiply: Any, others: Mapping[str, Any], state: tuple[Any, ...], x_t: Any) -> tuple[tuple[Any, ...], Any]:
    """Multiply three times, once by the result of another product."""
    (hidden,) = state
    squashed = jax.numpy.tanh(multiply(x_t, "first") + hidden * others["gain"])
    hidden = 0.5 * hidden + multiply(squashed, "second")
    return (hidden,), hidden * squashed


def drawn(shape: Shape, seed: int = 0) -> dict[str, Any]:
    batch_size, num_steps, input_size, hidden_size = shape
    random = np.random.default_rng(seed)

    def normal(*shape: int) -> Any:
        return random.normal(size=shape, scale=shape[0] ** -0.5).astype(np.float32)

    return {
        "inputs": normal(batch_size, num_steps, input_size),
        "state": (normal(batch_size, hidden_size),),
        "kernels": {"first": normal(input_size, hidden_size), "second": normal(hidden_size, hidden_size)},
        "others": {"gain": normal(hidden_size)},
    }


def from_fast_path(arrays: dict[str, Any], compute_dtype: str) -> Any:
    weights = {name: arrays[name] for name in ("kernels", "others")}
    return run_recurrence(step, arrays["inputs"], arrays["state"], **weights, compute_dtype=compute_dtype)


def from_reference(arrays: dict[str, Any], _compute_dtype: str) -> Any:
    return recurrence_reference(step, arrays["inputs"], arrays["state"], arrays["kernels"], arrays["others"])


@cache
def compiled(run: Callable[..., Any], compute_dtype: str, _chunk_rows: int) -> Callable[..., Any]:
    def both(arrays: Any) -> Any:
        results, pull_back = jax.vjp(lambda arrays: run(arrays, compute_dtype), arrays)
        return results, pull_back(jax.tree.map(jax.numpy.cos, results))

    function: Callable[..., Any] = jax.jit(both)
    return function


def assert_paths_agree(shape: Shape, seed: int, compute_dtype: str, tolerance: float) -> None:
    arrays = drawn(shape, seed)
    ours, theirs = (
        compiled(run, compute_dtype, products.CHUNK_ROWS)(arrays) for run in (from_fast_path, from_reference)
    )
    assert_near(ours, theirs, tolerance)


sizes = st.integers(1, 5)


@settings(max_examples=4)
@given(st.tuples(sizes, sizes, sizes, sizes), st.integers(0, 2**32 - 1))
def test_values_and_all_gradients_match_the_reference(shape: Shape, seed: int) -> None:
    assert_paths_agree(shape, seed, "float32", tolerance=1e-5)


def test_weight_gradients_are_summed_over_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "CHUNK_ROWS", 4)
    assert_paths_agree((3, 5, 2, 4), 1, "float32", tolerance=1e-5)


def test_the_lower_precision_is_close() -> None:
    assert_paths_agree((4, 6, 9, 8), 2, "bfloat16", tolerance=4e-2)
    arrays = drawn((4, 6, 9, 8))
    exact, coarse = (from_fast_path(arrays, dtype)[0] for dtype in ("float32", "bfloat16"))
    assert float(np.abs(exact - coarse).max()) > 1e-4


@pytest.mark.parametrize(("compute_dtype", "tolerance"), [("float32", 1e-5), ("bfloat16", 4e-2)])
def test_the_projection_and_its_gradients_match_a_product(compute_dtype: str, tolerance: float) -> None:
    arrays = drawn((3, 5, 4, 7))
    pair, cotangent = (arrays["inputs"], arrays["kernels"]["first"]), drawn((3, 5, 7, 1))["inputs"]

    def gradients(product: Callable[..., Any]) -> Any:
        value, pull_back = jax.vjp(product, *pair)
        return value, *pull_back(cotangent)

    ours = gradients(lambda inputs, kernel: project(inputs, kernel, compute_dtype=compute_dtype))
    assert_near(ours, gradients(jax.numpy.matmul), tolerance)
