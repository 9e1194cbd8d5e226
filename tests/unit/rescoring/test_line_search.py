from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.rescoring.features import Features
from nextword.rescoring.line_search import search_line

MakeFeatures = Callable[..., Features]


def fewest_by_trying(features: Features, weights: np.ndarray, direction: np.ndarray, low: float, high: float) -> int:
    """Try a place between any two at which any two hypotheses of a list meet."""
    at_zero, slopes = features.values @ weights, features.values @ direction
    places = [low, high]
    for begin, end in zip(features.begins[:-1], features.begins[1:], strict=True):
        places += [
            (at_zero[first] - at_zero[second]) / (slopes[second] - slopes[first])
            for first, second in combinations(range(begin, end), 2)
            if slopes[first] != slopes[second]
        ]
    inside = np.unique([place for place in places if low <= place <= high])
    return min(features.num_errors(weights + step * direction) for step in (inside[:-1] + inside[1:]) / 2)


@given(seed=st.integers(0, 10_000), which=st.integers(0, 2))
def test_no_place_on_the_line_leaves_fewer_errors(features_of: MakeFeatures, seed: int, which: int) -> None:
    features = features_of(seed, num_utterances=6, most=5)
    weights = np.random.default_rng(seed).normal(size=3)
    direction = np.eye(3)[which]
    found = search_line(features, weights, direction, low=-3.0, high=4.0)
    assert -3.0 <= found.step <= 4.0
    assert features.num_errors(weights + found.step * direction) == found.num_errors
    assert found.num_errors == fewest_by_trying(features, weights, direction, -3.0, 4.0)


def test_the_widest_of_the_best_stretches_is_taken(features_of: MakeFeatures) -> None:
    #  totals along the line: 0, t and 3 t - 6, so that the choice changes at 0 and at 3
    values = np.array([[0.0, 0.0], [0.0, 1.0], [-6.0, 3.0]])
    features = Features(values, np.array([1, 0, 0]), np.array([0, 3]))
    found = search_line(features, np.array([1.0, 0.0]), np.array([0.0, 1.0]), low=-10.0, high=10.0)
    assert found == (5.0, 0)  # from 0 to 10, across the change at 3 that changes no errors


def test_equals_count_as_the_first_of_them(features_of: MakeFeatures) -> None:
    values = np.array([[1.0, 2.0], [1.0, 2.0], [0.0, 0.0]])
    features = Features(values, np.array([5, 0, 9]), np.array([0, 3]))
    assert search_line(features, np.zeros(2), np.array([1.0, 0.0]), low=0.5, high=1.0).num_errors == 5


def test_a_line_without_length_is_its_beginning(features_of: MakeFeatures) -> None:
    features = features_of(0)
    found = search_line(features, np.ones(3), np.array([1.0, 0.0, 0.0]), low=2.0, high=2.0)
    assert found == (2.0, features.num_errors(np.array([3.0, 1.0, 1.0])))


@pytest.mark.parametrize("seed", range(3))
def test_many_hypotheses_at_once_give_the_errors_that_they_are_said_to(features_of: MakeFeatures, seed: int) -> None:
    features = features_of(seed, num_utterances=200, most=60)
    found = search_line(features, np.array([0.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0]), low=0.0, high=50.0)
    dense = min(features.num_errors(np.array([step, 0.0, 1.0])) for step in np.linspace(0.0, 50.0, 997))
    assert features.num_errors(np.array([found.step, 0.0, 1.0])) == found.num_errors <= dense
