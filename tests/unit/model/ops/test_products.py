from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextword.model.ops import products
from nextword.model.ops.products import in_chunks, matmul, rounded, transposed_matmul, weight_gradient
from nextword.system.processor import Processor


@settings(max_examples=12)
@given(num_rows=st.integers(1, 40), limit=st.integers(1, 12))
def test_chunks_hold_every_row_once_and_padding(num_rows: int, limit: int) -> None:
    matrix, row = in_chunks(
        np.arange(1, 2 * num_rows + 1).reshape(num_rows, 2), np.arange(1, num_rows + 1), limit=limit
    )
    matrix, row = np.asarray(matrix), np.asarray(row)
    num_chunks, chunk_rows = row.shape
    assert matrix.shape == (num_chunks, chunk_rows, 2)
    assert chunk_rows <= limit
    assert num_chunks * chunk_rows - num_rows < num_chunks  # no chunk is padded by more than one row
    assert row.ravel().tolist() == [*range(1, num_rows + 1), *[0] * (num_chunks * chunk_rows - num_rows)]
    assert matrix.ravel()[: 2 * num_rows].tolist() == list(range(1, 2 * num_rows + 1))
    assert not matrix.ravel()[2 * num_rows :].any()


@pytest.mark.parametrize("num_rows", [1, 448, 449, 1000])
def test_a_chunk_has_a_few_hundred_rows_at_most(num_rows: int) -> None:
    (chunks,) = in_chunks(jnp.zeros((num_rows, 1)), limit=products.CHUNK_ROWS)
    assert chunks.shape[:2] == {1: (1, 1), 448: (1, 448), 449: (2, 225), 1000: (3, 334)}[num_rows]


@pytest.mark.parametrize(
    ("amx", "compute_dtype", "limit"),
    [(False, "bfloat16", 448), (False, "float32", 448), (True, "bfloat16", 1280), (True, "float32", 448)],
)
def test_chunks_are_larger_for_fast_products(
    monkeypatch: pytest.MonkeyPatch, amx: bool, compute_dtype: str, limit: int
) -> None:
    features = {} if not amx else {"AMX-BF16": True}
    monkeypatch.setattr(products, "read_processor", lambda: Processor(name="one", architecture="x", features=features))
    products.has_amx.cache_clear()
    assert products.max_chunk_rows(compute_dtype) == limit
    products.has_amx.cache_clear()


MAX_NUMBERS = 30
# Ties to even; overflow to infinity; underflow to zeros of both signs.
TIES = np.array([0x3F808000, 0x3F818000, 0x3F818001, 0x7F7FFFFF, 0x80000001, 0x00000000, 0x7F800000], np.uint32)


@settings(max_examples=50)
@given(st.lists(st.floats(allow_nan=False, allow_subnormal=False, width=32), max_size=MAX_NUMBERS))
def test_rounding_matches_a_conversion(numbers: list[float]) -> None:
    array = np.zeros(MAX_NUMBERS + len(TIES), np.float32)  # of one length, so it is compiled once
    array[: len(numbers)], array[MAX_NUMBERS:] = numbers, TIES.view(np.float32)
    ours = np.asarray(rounded(jnp.asarray(array), "bfloat16"))
    np.testing.assert_array_equal(ours.view(np.uint16), array.astype(jnp.bfloat16).view(np.uint16))
    assert rounded(jnp.asarray(array), "float32").dtype == np.float32


def test_nan_stays_nan() -> None:
    assert np.isnan(np.asarray(rounded(jnp.array([np.nan]), "bfloat16"), np.float32)).all()


@pytest.mark.parametrize(("num_rows", "limit"), [(1, 4), (3, 4), (4, 4), (8, 4), (9, 4), (11, 4)])
@pytest.mark.parametrize(("compute_dtype", "tolerance"), [("float32", 1e-5), ("bfloat16", 5e-2)])
def test_gradients_of_a_product_match_products_with_a_transposed_operand(
    monkeypatch: pytest.MonkeyPatch, num_rows: int, limit: int, compute_dtype: str, tolerance: float
) -> None:
    monkeypatch.setattr(products, "max_chunk_rows", lambda _compute_dtype: limit)
    random = np.random.default_rng(num_rows)
    inputs, gradients = random.normal(size=(num_rows, 3)), random.normal(size=(num_rows, 5))
    found = weight_gradient(jnp.array(inputs), jnp.array(gradients), compute_dtype)
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, inputs.T @ gradients, atol=tolerance)
    kernel = random.normal(size=(3, 5))
    found = transposed_matmul(jnp.array(gradients), jnp.array(kernel), compute_dtype)
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, gradients @ kernel.T, atol=tolerance)


@pytest.mark.parametrize("compute_dtype", ["float32", "bfloat16"])
def test_a_product_of_bfloat16_is_summed_in_float32(compute_dtype: str) -> None:
    ones: Any = jnp.ones((1, 1001))
    assert matmul(ones, ones.T, compute_dtype).tolist() == [[1001.0]]  # bfloat16 has no 1001
    assert matmul(ones, ones.T, compute_dtype).dtype == jnp.float32
