"""The loss of rows most of which weigh nothing: the same total and gradients, and nothing done for empty chunks."""

from typing import Any

import jax
import numpy as np
import pytest

from nextword.ops import cross_entropy_jax
from nextword.ops.cross_entropy import linear_cross_entropy_reference
from nextword.ops.tail_cross_entropy import tail_cross_entropy

NUM_ROWS, HIDDEN_SIZE, VOCABULARY_SIZE, CHUNK_ROWS = 14, 3, 5, 4
LOSS = {"label_smoothing": 0.1, "z_loss": 0.01}


def drawn() -> tuple[dict[str, Any], Any, Any]:
    """Return hidden states, kernel and bias, targets, and weights, of which rows 5 and 6 alone have any."""
    random = np.random.default_rng(0)
    shapes = {"hidden": (NUM_ROWS, HIDDEN_SIZE), "kernel": (HIDDEN_SIZE, VOCABULARY_SIZE), "bias": (VOCABULARY_SIZE,)}
    arrays = {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    weights = np.zeros(NUM_ROWS, np.float32)
    weights[5:7] = 1.5, 0.5
    return arrays, random.integers(VOCABULARY_SIZE, size=NUM_ROWS, dtype=np.int32), weights


def losses_and_gradients(losses_of: Any, **options: Any) -> tuple[Any, Any]:
    arrays, targets, weights = drawn()

    def total(arrays: dict[str, Any]) -> tuple[Any, Any]:
        losses = losses_of(
            arrays["hidden"], targets, weights, kernel=arrays["kernel"], bias=arrays["bias"], **LOSS, **options
        )
        return losses.total, losses

    (_, losses), gradients = jax.jit(jax.value_and_grad(total, has_aux=True))(arrays)
    return losses, gradients


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cross_entropy_jax, "_chunk_rows", lambda _size, _most: CHUNK_ROWS)


@pytest.mark.parametrize(("compute_dtype", "tolerance"), [("float32", 1e-5), ("bfloat16", 6e-2)])
def test_total_and_gradients_are_those_of_the_reference(compute_dtype: str, tolerance: float) -> None:
    losses, gradients = losses_and_gradients(tail_cross_entropy, compute_dtype=compute_dtype)
    expected, expected_gradients = losses_and_gradients(linear_cross_entropy_reference)
    np.testing.assert_allclose(losses.total, expected.total, rtol=tolerance)
    for name, gradient in expected_gradients.items():
        np.testing.assert_allclose(gradients[name], gradient, atol=tolerance, err_msg=name)


def test_chunks_without_weight_are_left_out_where_a_gradient_is_taken() -> None:
    losses, _ = losses_and_gradients(tail_cross_entropy)
    expected, _ = losses_and_gradients(linear_cross_entropy_reference)
    found = np.asarray(losses.negative_log_likelihood)
    np.testing.assert_allclose(found[4:8], expected.negative_log_likelihood[4:8], rtol=1e-5)
    assert not found[:4].any()
    assert not found[8:].any()


def test_without_a_gradient_every_row_has_its_loss() -> None:
    arrays, targets, weights = drawn()
    found = tail_cross_entropy(arrays["hidden"], targets, weights, kernel=arrays["kernel"], bias=arrays["bias"])
    expected, _ = losses_and_gradients(linear_cross_entropy_reference)
    np.testing.assert_allclose(found.negative_log_likelihood, expected.negative_log_likelihood, rtol=1e-5)
