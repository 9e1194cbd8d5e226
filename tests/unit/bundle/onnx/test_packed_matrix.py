import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from nextword.bundle.onnx.packed_matrix import PackedMatrix
from nextword.errors import ExportError

Rows = np.ndarray[tuple[int, int], np.dtype[np.float32]]

rows = arrays(
    np.float32,
    array_shapes(min_dims=2, max_dims=2, max_side=6),
    elements=st.floats(-1e3, 1e3, width=32, allow_subnormal=False),
)


@given(rows)
def test_rounding_moves_a_number_by_half_a_step_of_its_row(matrix: Rows) -> None:
    packed = PackedMatrix.rounded(matrix)
    assert packed.steps.dtype == np.int8
    assert np.abs(packed.steps.astype(int)).max() <= 127
    allowed = 0.5001 * packed.scales[:, None] + 1e-30
    assert (np.abs(packed.to_floats() - matrix) <= allowed).all()


def test_unsigned_steps_keep_their_zero() -> None:
    steps, scales = np.array([[255, 60], [127, 64], [0, 64]], np.uint8), np.array([0.5], np.float32)
    packed = PackedMatrix.of_steps(steps, scales, np.array([64], np.int16))
    assert packed.steps.dtype == np.int8
    assert packed.to_floats().tolist() == [[95.5, -2.0], [31.5, 0.0], [-32.0, 0.0]]


def test_rows_with_different_zeros_are_refused() -> None:
    steps, scales = np.array([[25], [3]], np.int8), np.array([1.0, 1.0], np.float32)
    with pytest.raises(ExportError, match="the rows of a matrix must have the same zero, but have others"):
        PackedMatrix.of_steps(steps, scales, np.array([0, 1], np.int16))


def test_bytes_of_steps_and_scales_count() -> None:
    assert PackedMatrix.rounded(np.ones((3, 5), np.float32)).num_bytes == 15 + 12
