"""The chunked loss against the reference, which holds all logits: the same values and gradients, in less memory."""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nextword.ops import products
from nextword.ops.cross_entropy import TokenLosses, linear_cross_entropy, linear_cross_entropy_reference

Losses = Callable[..., TokenLosses]

INCOMING = 3.7  # what the total is multiplied by downstream


class Case(NamedTuple):
    num_rows: int = 5
    hidden_size: int = 4
    vocabulary_size: int = 6
    chunk_rows: int = 448
    tied: bool = False


def drawn(case: Case, seed: int = 0) -> tuple[dict[str, NDArray[np.float32]], NDArray[np.int32], NDArray[np.float32]]:
    """Return hidden states, kernel and bias, targets, and weights of which about a third are padding."""
    random = np.random.default_rng(seed)
    kernel_shape = (case.hidden_size, case.vocabulary_size)
    shapes = {"hidden": (case.num_rows, case.hidden_size), "kernel": kernel_shape, "bias": (case.vocabulary_size,)}
    arrays = {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    if case.tied:
        arrays["kernel"] = np.ascontiguousarray(arrays["kernel"].T)
    targets = random.integers(case.vocabulary_size, size=case.num_rows, dtype=np.int32)
    weights = (random.uniform(0.5, 2, case.num_rows) * (random.random(case.num_rows) > 0.3)).astype(np.float32)
    return arrays, targets, weights


def losses_and_gradients(
    losses_of: Losses, case: Case, seed: int = 0, compute_dtype: str | None = None
) -> tuple[TokenLosses, Any]:
    """Return the losses, and the gradient of the scaled total in each array."""
    gradients, losses = compiled(losses_of, case.tied, compute_dtype, products.CHUNK_ROWS)(*drawn(case, seed))
    return losses, gradients


@cache
def compiled(losses_of: Losses, tied: bool, compute_dtype: str | None, _chunk_rows: int) -> Callable[..., Any]:
    options = {"compute_dtype": compute_dtype} if compute_dtype else {}

    def total(arrays: dict[str, Any], targets: Any, weights: Any) -> tuple[Any, TokenLosses]:
        kernel, bias = arrays["kernel"], arrays["bias"]
        losses = losses_of(arrays["hidden"], targets, weights, kernel=kernel, bias=bias, tied=tied, **options)
        return INCOMING * losses.total, losses

    function: Callable[..., Any] = jax.jit(jax.grad(total, has_aux=True))
    return function


def assert_the_paths_agree(case: Case, seed: int, compute_dtype: str, tolerance: float) -> None:
    fast, fast_gradients = losses_and_gradients(linear_cross_entropy, case, seed, compute_dtype=compute_dtype)
    reference, reference_gradients = losses_and_gradients(linear_cross_entropy_reference, case, seed)
    for ours, theirs in zip(fast[:2], reference[:2], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)
    if compute_dtype == "float32":
        np.testing.assert_array_equal(fast.rank, reference.rank)
    for name, gradient in fast_gradients.items():
        assert gradient.dtype == jnp.float32, name
        scale = max(1.0, float(np.abs(reference_gradients[name]).max()))
        assert gradient.shape == reference_gradients[name].shape, name
        np.testing.assert_allclose(gradient, reference_gradients[name], rtol=0, atol=tolerance * scale, err_msg=name)


sizes = st.integers(1, 9)


@settings(max_examples=5)
@given(st.builds(Case, sizes, sizes, st.integers(2, 9), st.integers(1, 5), st.booleans()), st.integers(0, 2**32 - 1))
@example(Case(num_rows=3, chunk_rows=4), 0).via("fewer rows than a chunk")
@example(Case(num_rows=4, chunk_rows=4, tied=True), 0).via("one chunk exactly")
@example(Case(num_rows=11, chunk_rows=4), 0).via("a last chunk with padding")
@example(Case(num_rows=1, hidden_size=1, vocabulary_size=2), 0)
def test_values_and_gradients_are_those_of_the_reference(case: Case, seed: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(products, "CHUNK_ROWS", case.chunk_rows)
        assert_the_paths_agree(case, seed, "float32", tolerance=1e-5)


@pytest.mark.parametrize("tied", [True, False])
def test_a_thousand_rows_in_chunks_of_the_real_size_agree_too(tied: bool) -> None:
    assert_the_paths_agree(Case(num_rows=1001, tied=tied), 5, "float32", tolerance=2e-5)


# Shapes for which XLA has to find another way than its ordinary bfloat16 product.
@pytest.mark.parametrize("sizes", [(1, 1, 2), (1, 5, 3), (7, 1, 5), (5, 33, 17)], ids=str)
def test_bfloat16_runs_in_every_shape_and_stays_near_the_reference(sizes: tuple[int, int, int]) -> None:
    assert_the_paths_agree(Case(*sizes), 1, "bfloat16", tolerance=6e-2)


def test_bfloat16_runs_with_tied_weights_too() -> None:
    assert_the_paths_agree(Case(5, 33, 17, tied=True), 1, "bfloat16", tolerance=6e-2)


def test_bfloat16_is_really_less_precise() -> None:
    case = Case(5, 33, 17)
    exact, exact_gradients = losses_and_gradients(linear_cross_entropy, case, compute_dtype="float32")
    coarse, coarse_gradients = losses_and_gradients(linear_cross_entropy, case, compute_dtype="bfloat16")
    assert float(np.abs(exact.negative_log_likelihood - coarse.negative_log_likelihood).max()) > 1e-4
    for name, gradient in coarse_gradients.items():
        assert float(np.abs(gradient - exact_gradients[name]).max()) > 1e-4, name


def test_the_values_without_a_gradient_are_those_with_one() -> None:
    case = Case(num_rows=9)
    arrays, targets, weights = drawn(case)
    alone = jax.jit(linear_cross_entropy)(
        arrays["hidden"], targets, weights, kernel=arrays["kernel"], bias=arrays["bias"]
    )
    with_gradient, _ = losses_and_gradients(linear_cross_entropy, case)
    for one, other in zip(alone, with_gradient, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_padding_has_no_part_in_any_gradient() -> None:
    arrays, targets, weights = drawn(Case(num_rows=9))
    padding = weights == 0
    assert 0 < padding.sum() < 9

    def total(arrays: dict[str, Any], targets: Any) -> Any:
        kernel, bias = arrays["kernel"], arrays["bias"]
        return linear_cross_entropy(arrays["hidden"], targets, weights, kernel=kernel, bias=bias).total

    gradient = jax.jit(jax.grad(total))
    before = gradient(arrays, targets)
    hidden = np.where(padding[:, None], np.float32(5), arrays["hidden"])
    after = gradient({**arrays, "hidden": hidden}, np.where(padding, 0, targets))
    assert not before["hidden"][padding].any()
    for name in arrays:
        np.testing.assert_allclose(before[name], after[name], atol=1e-6, err_msg=name)


VOCABULARY_SIZE, HIDDEN_SIZE = 4096, 8


def temporary_bytes(losses_of: Losses, num_rows: int) -> int:
    """Return what the compiled gradient needs beside its arguments and results."""

    def total(hidden: Any, kernel: Any, bias: Any, targets: Any, weights: Any) -> Any:
        return losses_of(hidden, targets, weights, kernel=kernel, bias=bias).total

    shapes = ((num_rows, HIDDEN_SIZE), (HIDDEN_SIZE, VOCABULARY_SIZE), (VOCABULARY_SIZE,), (num_rows,), (num_rows,))
    dtypes = (jnp.float32, jnp.float32, jnp.float32, jnp.int32, jnp.float32)
    arguments = [jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in zip(shapes, dtypes, strict=True)]
    compiled = jax.jit(jax.grad(total, argnums=(0, 1, 2))).lower(*arguments).compile()
    analysis = compiled.memory_analysis()
    if analysis is None:
        pytest.skip("this JAX cannot tell how much memory a compiled function needs")
    return int(analysis.temp_size_in_bytes)


def test_memory_does_not_grow_with_rows_times_vocabulary() -> None:
    few, many = 512, 4096
    growth = (many - few) * VOCABULARY_SIZE * 4  # of the logits alone, were they all held
    assert (
        temporary_bytes(linear_cross_entropy_reference, many) - temporary_bytes(linear_cross_entropy_reference, few)
        > growth
    ), "the measure must see the logits where they are held"
    assert temporary_bytes(linear_cross_entropy, many) - temporary_bytes(linear_cross_entropy, few) < growth / 10
