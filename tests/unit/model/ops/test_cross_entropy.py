"""Loss, hits and ranks; values and gradients in chunks are those of the reference, in less memory."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nextword.model.ops import cross_entropy
from nextword.model.ops.cross_entropy import TokenLosses, linear_cross_entropy
from support.arrays import assert_near
from support.compiled_memory import temporary_bytes
from support.references import linear_cross_entropy_reference

Losses = Callable[..., TokenLosses]

INCOMING = 3.7  # gradient of the total


class Case(NamedTuple):
    num_rows: int = 5
    hidden_size: int = 4
    vocabulary_size: int = 6
    chunk_rows: int = 448
    tied: bool = False


def drawn(case: Case, seed: int = 0) -> tuple[dict[str, NDArray[np.float32]], NDArray[np.int32], NDArray[np.float32]]:
    """Return hidden states, kernel and bias, targets, and weights with about a third of padding."""
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
    """Return the losses, and the gradient of the scaled total for each array."""
    tiles = (
        cross_entropy._chunk_rows(1, 9999),
        cross_entropy._LARGE_KERNEL,
        cross_entropy._block_tokens(1, 9999),
    )
    options: dict[str, Any] = {"tied": case.tied}
    if compute_dtype:
        options["compute_dtype"] = compute_dtype
    gradients, losses = compiled(losses_of, tuple(options.items()), tiles)(*drawn(case, seed))
    return losses, gradients


@cache
def compiled(losses_of: Losses, options: tuple[tuple[str, Any], ...], _tiles: tuple[int, ...]) -> Callable[..., Any]:

    def total(arrays: dict[str, Any], targets: Any, weights: Any) -> tuple[Any, TokenLosses]:
        kernel, bias = arrays["kernel"], arrays["bias"]
        losses = losses_of(arrays["hidden"], targets, weights, kernel=kernel, bias=bias, **dict(options))
        return INCOMING * losses.total, losses

    function: Callable[..., Any] = jax.jit(jax.grad(total, has_aux=True))
    return function


def assert_paths_agree(case: Case, seed: int, compute_dtype: str, tolerance: float) -> None:
    fast, fast_gradients = losses_and_gradients(linear_cross_entropy, case, seed, compute_dtype=compute_dtype)
    reference, reference_gradients = losses_and_gradients(linear_cross_entropy_reference, case, seed)
    assert_near(fast[:2], reference[:2], tolerance)
    assert_near(fast_gradients, reference_gradients, tolerance)
    if compute_dtype == "float32":
        np.testing.assert_array_equal(fast.hit, reference.hit)


sizes = st.integers(1, 9)
cases = st.builds(
    Case,
    sizes,
    sizes,
    st.integers(2, 9),
    st.integers(1, 5),
    st.booleans(),
)


@contextmanager
def small_tiles(chunk_rows: int, *, by_vocabulary: bool = False) -> Iterator[None]:
    """Use chunks so small that small cases have several of them and a remainder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cross_entropy, "_chunk_rows", lambda _vocabulary_size, _most: chunk_rows)
        if by_vocabulary:
            patch.setattr(cross_entropy, "_LARGE_KERNEL", 0)
            patch.setattr(
                cross_entropy, "_block_tokens", lambda _rows, vocabulary_size: min(chunk_rows, vocabulary_size)
            )
        yield


@settings(max_examples=3)
@given(cases, st.integers(0, 2**32 - 1))
@example(Case(num_rows=3, chunk_rows=4), 0).via("fewer rows than a chunk")
@example(Case(num_rows=4, chunk_rows=4, tied=True), 0).via("one chunk exactly")
@example(Case(num_rows=11, chunk_rows=4), 0).via("a last chunk with padding")
@example(Case(num_rows=1, hidden_size=1, vocabulary_size=2), 0)
def test_values_and_gradients_match_the_reference(case: Case, seed: int) -> None:
    with small_tiles(case.chunk_rows):
        assert_paths_agree(case, seed, "float32", tolerance=1e-5)


@settings(max_examples=3)
@given(cases, st.integers(0, 2**32 - 1))
@example(Case(vocabulary_size=3, chunk_rows=4), 0).via("a vocabulary smaller than a block")
@example(Case(vocabulary_size=8, chunk_rows=4, tied=True), 0).via("two blocks exactly")
@example(Case(vocabulary_size=9, chunk_rows=4), 0).via("a smaller last block")
def test_vocabulary_blocks_match_the_reference(case: Case, seed: int) -> None:
    with small_tiles(case.chunk_rows, by_vocabulary=True):
        assert_paths_agree(case, seed, "float32", tolerance=1e-5)


@pytest.mark.parametrize("tied", [True, False])
def test_vocabulary_blocks_run_in_bfloat16(tied: bool) -> None:
    with small_tiles(4, by_vocabulary=True):
        assert_paths_agree(Case(5, 33, 17, tied=tied), 1, "bfloat16", tolerance=6e-2)


@pytest.mark.parametrize("tied", [True, False])
def test_a_thousand_rows_in_chunks_of_the_default_size_match_the_reference(tied: bool) -> None:
    assert_paths_agree(Case(num_rows=3001, tied=tied), 5, "float32", tolerance=3e-5)


def test_a_bias_keeps_the_precision_of_float32_in_bfloat16() -> None:
    # The third logit dominates, so the rounded exponentials of the others do not count; the first is the target.
    bias = np.array([1.2345678, -7.654321, 23.1415927], np.float32)
    hidden, kernel = np.zeros((1, 2), np.float32), np.zeros((3, 2), np.float32)

    def total(bias: Any) -> Any:
        ids, ones = np.zeros(1, np.int32), np.ones(1, np.float32)
        return linear_cross_entropy(
            hidden, ids, ones, kernel=kernel, bias=bias, tied=True, compute_dtype="bfloat16"
        ).total

    found, _ = jax.jit(jax.value_and_grad(total))(bias)
    np.testing.assert_allclose(found, np.log(np.exp(bias.astype(np.float64)).sum()) - bias[0], rtol=1e-6)


# Shapes for which XLA does not use its regular bfloat16 product.
@pytest.mark.parametrize(
    "case", [Case(1, 1, 2), Case(1, 5, 3), Case(7, 1, 5), Case(5, 33, 17), Case(5, 33, 17, tied=True)], ids=str
)
def test_bfloat16_runs_in_every_shape_and_is_close_to_the_reference(case: Case) -> None:
    assert_paths_agree(case, 1, "bfloat16", tolerance=6e-2)


def test_bfloat16_is_less_precise_than_float32() -> None:
    case = Case(5, 33, 17)
    exact, exact_gradients = losses_and_gradients(linear_cross_entropy, case, compute_dtype="float32")
    coarse, coarse_gradients = losses_and_gradients(linear_cross_entropy, case, compute_dtype="bfloat16")
    assert float(np.abs(exact.negative_log_likelihood - coarse.negative_log_likelihood).max()) > 1e-4
    for name, gradient in coarse_gradients.items():
        assert float(np.abs(gradient - exact_gradients[name]).max()) > 1e-4, name


def test_values_are_the_same_with_and_without_gradients() -> None:
    case = Case(num_rows=9)
    arrays, targets, weights = drawn(case)
    with_gradient, _ = losses_and_gradients(linear_cross_entropy, case)
    for ranks in (False, True):
        alone = jax.jit(partial(linear_cross_entropy, ranks=ranks))(
            arrays["hidden"], targets, weights, kernel=arrays["kernel"], bias=arrays["bias"]
        )
        for one, other in zip(alone[:3], with_gradient[:3], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-6)


def test_padding_does_not_affect_gradients() -> None:
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


def memory_of(losses_of: Losses, num_rows: int) -> int:
    """Return the temporary memory of the compiled gradient in bytes."""

    def total(hidden: Any, kernel: Any, bias: Any, targets: Any, weights: Any) -> Any:
        return losses_of(hidden, targets, weights, kernel=kernel, bias=bias).total

    shapes = ((num_rows, HIDDEN_SIZE), (HIDDEN_SIZE, VOCABULARY_SIZE), (VOCABULARY_SIZE,), (num_rows,), (num_rows,))
    dtypes = (jnp.float32, jnp.float32, jnp.float32, jnp.int32, jnp.float32)
    return temporary_bytes(jax.jit(jax.grad(total, argnums=(0, 1, 2))), *zip(shapes, dtypes, strict=True))


def test_memory_does_not_grow_with_rows_times_vocabulary() -> None:
    few, many = 2048, 8192
    growth = (many - few) * VOCABULARY_SIZE * 4  # of all logits in memory
    assert memory_of(linear_cross_entropy_reference, many) - memory_of(linear_cross_entropy_reference, few) > growth, (
        "the measure must see the logits where they are held"
    )
    assert memory_of(linear_cross_entropy, many) - memory_of(linear_cross_entropy, few) < growth / 10


# Logits, and what follows from them.


def losses_of_logits(logits: Any, targets: list[int], weights: list[float], ranks: bool = False) -> TokenLosses:
    """Return the losses of given logits, with an identity matrix as the kernel."""
    logits = jnp.asarray(logits, jnp.float32)
    identity, zeros = np.eye(logits.shape[1], dtype=np.float32), np.zeros(logits.shape[1], np.float32)
    ids, counts = np.asarray(targets, np.int32), np.asarray(weights, np.float32)
    losses: TokenLosses = _losses(ranks)(logits, ids, counts, kernel=identity, bias=zeros)
    return losses


@cache
def _losses(ranks: bool) -> Callable[..., Any]:
    function: Callable[..., Any] = jax.jit(partial(linear_cross_entropy, ranks=ranks))
    return function


def test_the_total_is_weighted_and_the_losses_are_not() -> None:
    logits = np.log([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7], [0.6, 0.3, 0.1]])
    losses = losses_of_logits(logits, [1, 2, 0], [2.0, 0.5, 0.0])
    np.testing.assert_allclose(losses.negative_log_likelihood, -np.log([0.25, 0.7, 0.6]), rtol=1e-6)
    np.testing.assert_allclose(losses.total, -2 * np.log(0.25) - 0.5 * np.log(0.7), rtol=1e-6)


def test_ties_rank_in_order_of_id() -> None:
    logits = np.random.default_rng(0).integers(-1, 2, size=(40, 7))  # three values for seven tokens give many ties
    order = np.argsort(-logits, axis=-1, kind="stable")
    for target in range(7):
        losses = losses_of_logits(logits, [target] * 40, [1.0] * 40, ranks=True)
        ranks = np.asarray(losses.rank)
        assert ranks.dtype == np.int32
        np.testing.assert_array_equal(ranks, 1 + np.argmax(order == target, axis=-1))
        np.testing.assert_array_equal(ranks == 1, np.argmax(logits, axis=-1) == target)


def test_a_target_with_the_highest_logit_is_a_hit() -> None:
    logits = np.random.default_rng(0).integers(-1, 2, size=(40, 7))
    for target in range(7):
        losses = losses_of_logits(logits, [target] * 40, [1.0] * 40)
        assert losses.rank is None
        np.testing.assert_array_equal(losses.hit, logits[:, target] == logits.max(axis=-1))


def test_large_logits_do_not_overflow() -> None:
    losses = losses_of_logits([[3e4, 0.0, -3e4]] * 3, [0, 1, 2], [1, 1, 1], ranks=True)
    assert np.asarray(losses.negative_log_likelihood).tolist() == [0.0, 3e4, 6e4]
    assert np.asarray(losses.rank).tolist() == [1, 2, 3]


def test_no_gradient_flows_from_the_losses_of_the_tokens() -> None:
    def sum_of_losses(logits: Any) -> Any:
        return losses_of_logits(logits, [0, 0], [1, 1]).negative_log_likelihood.sum()

    assert not np.any(jax.jit(jax.grad(sum_of_losses))(np.ones((2, 3), np.float32)))
