from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.inference.rescoring.features import Features, first_of_highest

MakeFeatures = Callable[..., Features]


@given(st.lists(st.lists(st.integers(0, 3), min_size=1), min_size=1))
def test_the_first_of_the_highest_values_is_found_in_each_segment(segments: list[list[int]]) -> None:
    values = np.array([float(value) for segment in segments for value in segment])
    begins = np.cumsum([0, *map(len, segments)])
    expected = [begin + segment.index(max(segment)) for begin, segment in zip(begins, segments, strict=False)]
    assert first_of_highest(values, begins).tolist() == expected


def test_a_selection_keeps_the_features_of_its_utterances(features_of: MakeFeatures) -> None:
    features = features_of(1, num_utterances=9)
    kept = np.arange(9) % 2 == 0
    some, others = features.of_utterances(kept), features.of_utterances(~kept)
    weights = np.array([0.5, 0.1, 1.0])
    assert (some.num_utterances, others.num_utterances) == (5, 4)
    assert some.num_errors(weights) + others.num_errors(weights) == features.num_errors(weights)


def test_the_spread_is_measured_within_lists() -> None:
    values = np.array([[1.0, 5.0], [3.0, 5.0], [100.0, 5.0]])
    features = Features.of([values[:2], values[2:]], [np.array([0, 1]), np.array([2])])
    assert features.begins.tolist() == [0, 2, 3]
    assert features.spread().tolist() == pytest.approx([np.sqrt(2 / 3), 0.0])
