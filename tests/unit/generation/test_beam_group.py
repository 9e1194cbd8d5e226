import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from nextword.generation.beam_group import best_first, share_out

scores = arrays.arrays(
    np.float64,
    arrays.array_shapes(min_dims=2, max_dims=2, max_side=5),
    elements=st.sampled_from([-np.inf, -3.0, -2.0, -1.0, -0.5]),
)


@given(scores, st.integers(1, 30))
def test_places_come_in_order_of_score_then_place(matrix: NDArray[np.float64], at_once: int) -> None:
    possible = [place for place in np.ndindex(matrix.shape) if matrix[place] > -np.inf]
    expected = sorted(possible, key=lambda place: (-matrix[place], place))
    assert list(best_first(matrix, at_once)) == expected


@given(st.lists(st.integers(0, 3), max_size=12), st.integers(4, 12))
def test_every_degree_of_progress_keeps_its_best(progress: list[int], size: int) -> None:
    kept = share_out(progress, 3, size)
    assert len(kept) == min(size, len(progress))
    assert kept == sorted(set(kept))
    for degree in set(progress):
        assert progress.index(degree) in kept


@pytest.mark.parametrize(
    ("size", "kept"), [(3, [0, 2, 4]), (4, [0, 2, 4, 5]), (5, [0, 2, 3, 4, 5]), (6, [0, 1, 2, 3, 4, 5])]
)
def test_places_that_do_not_come_out_even_go_to_the_highest(size: int, kept: list[int]) -> None:
    assert share_out([0, 0, 1, 1, 2, 2, 2], 2, size) == kept
