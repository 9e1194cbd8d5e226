"""A quick draw gives the token of the distribution that `filtered` defines."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.errors import SettingError
from nextword.inference.generation.drawing import draw, drawn_index
from nextword.inference.generation.sampling import SamplingOptions, filtered, sample

OPTIONS: list[dict[str, Any]] = [
    {},
    {"temperature": 0.0},
    {"temperature": 0.7},
    {"temperature": 3.0},
    {"top_k": 1},
    {"top_k": 7},
    {"top_k": 100_000},
    {"top_p": 0.01},
    {"top_p": 0.9},
    {"top_p": 0.999999},
    {"min_p": 0.1},
    {"min_p": 1.0},
    {"top_k": 50, "top_p": 0.5, "min_p": 0.01, "temperature": 0.8},
    {"typical_p": 0.5},
    {"repetition_penalty": 2.0, "top_p": 0.8},
]


def distribution(seed: int, size: int, scale: float) -> Any:
    logits = np.random.default_rng(seed).normal(size=size) * scale
    return (logits - np.log(np.exp(logits).sum())).astype(np.float32)


@pytest.mark.parametrize("changes", OPTIONS, ids=str)
@pytest.mark.parametrize(("size", "scale"), [(2, 1.0), (300, 0.1), (3000, 1.0), (3000, 5.0)])
def test_it_draws_the_token_of_the_defined_distribution(changes: dict[str, Any], size: int, scale: float) -> None:
    options = SamplingOptions(**changes)
    for seed in range(30):
        log_probs, forbidden, read = distribution(seed, size, scale), {0} if size > 2 else set(), [1, 1, size - 1]
        expected = sample(filtered(log_probs, options, forbidden, read), np.random.default_rng(seed))
        assert draw(log_probs, options, forbidden, read, np.random.default_rng(seed)) == expected


@given(
    weights=st.lists(st.sampled_from([0.0, 1e-300, 0.1, 1 / 3, 5.0]), min_size=1, max_size=600), number=st.floats(0, 1)
)
def test_nothing_with_weight_zero_is_drawn(weights: list[float], number: float) -> None:
    array = np.array([*weights, 1.0])
    assert array[drawn_index(array, number)] > 0


def test_nothing_is_drawn_where_nothing_is_possible() -> None:
    with pytest.raises(SettingError, match="at least one token must be possible"):
        draw(np.zeros(2, np.float32), SamplingOptions(), [0, 1], [], np.random.default_rng(1))
    with pytest.raises(SettingError, match="is nan"):
        draw(np.full(2, np.nan, np.float32), SamplingOptions(temperature=0), [], [], np.random.default_rng(1))
