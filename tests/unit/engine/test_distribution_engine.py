"""Scores and pieces of distributions; the laws of the engines are in `test_engine_contract.py`."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nextword.engine.distribution_engine import even_pieces, token_scores


def test_equal_probabilities_are_ranked_by_id() -> None:
    log_probs = np.log(np.array([[[0.2, 0.4, 0.2, 0.2]]], np.float32)).repeat(4, axis=1)
    scores = token_scores(log_probs, np.array([[0, 1, 2, 3]], np.int32))
    assert scores.ranks.tolist() == [[2, 1, 3, 4]]
    assert scores.ranks.dtype == np.int32


@given(num_steps=st.integers(1, 3_000), numbers=st.integers(1, 50_000_000))
def test_pieces_cover_a_window_and_are_small(num_steps: int, numbers: int) -> None:
    pieces = even_pieces(num_steps, numbers)
    assert [position for piece in pieces for position in range(piece.start, piece.stop)] == list(range(num_steps))
    assert all((piece.stop - piece.start) * numbers <= 20_000_000 or piece.stop - piece.start == 1 for piece in pieces)
