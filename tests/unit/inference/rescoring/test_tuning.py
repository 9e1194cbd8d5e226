from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.errors import SettingError
from nextword.inference.rescoring.tuning import FOLDS, search_line, tune
from nextword.inference.rescoring.weights import Features, RescoringWeights
from support.nbest_lists import features_of

ONE = RescoringWeights(first_pass_weights=(1.0,))


def dense_fewest(features: Features) -> int:
    grid = [np.array([model, length, 1.0]) for model in np.linspace(0, 4, 81) for length in np.linspace(-4, 4, 41)]
    return min(map(features.num_errors, grid))


@pytest.mark.parametrize("seed", range(4))
def test_no_dense_grid_finds_better_weights(seed: int) -> None:
    features = features_of(seed)
    found = tune(features, ONE).weights
    assert features.num_errors(found.vector) <= dense_fewest(features)
    assert features.num_errors(found.vector) < features.num_errors(np.array([0.0, 0.0, 1.0]))
    assert found.model_weight > 0
    assert found.first_pass_weights == (1.0,)


def test_the_same_lists_give_the_same_weights() -> None:
    first, second = (tune(features_of(5, num_scores=2), ONE.replace(first_pass_weights=(1.0, 1.0))) for _ in range(2))
    assert first.weights == second.weights
    assert np.array_equal(first.held_out, second.held_out)  # type: ignore[arg-type]


def test_the_scale_of_the_scores_does_not_change_the_choice() -> None:
    features = features_of(2)
    scales = np.array([0.01, 1.0, 1000.0])
    scaled = features._replace(values=features.values * scales)
    found, other = (tune(each, ONE).weights for each in (features, scaled))
    assert np.array_equal(features.chosen(found.vector), scaled.chosen(other.vector))
    assert other.model_weight == pytest.approx(found.model_weight * 100_000, rel=0.01)


def test_many_scores_take_no_more_memory() -> None:
    """The grid over ten weights would have more points than any machine can hold."""
    features = features_of(1, num_scores=10)
    found = tune(features, RescoringWeights(first_pass_weights=(1.0,) * 10)).weights
    assert features.num_errors(found.vector) <= features.num_errors(np.array([0.0, 0.0, *([1.0] * 10)]))


def test_given_weights_are_not_tuned() -> None:
    features = features_of(3, num_scores=2)
    given = RescoringWeights(model_weight=0.25, first_pass_weights=(1.0, -0.5))
    found = tune(features, given, given=["model_weight", "first_pass_weights"]).weights
    assert (found.model_weight, found.first_pass_weights) == (0.25, (1.0, -0.5))
    assert features.num_errors(found.vector) <= features.num_errors(given.vector)


def test_the_order_of_the_first_pass_is_kept_if_it_has_fewer_errors() -> None:
    # The recognizer is always right, and each feature is higher for its choice in one list and lower in another.
    values = np.stack([sign * axis for axis in np.eye(3) for sign in (1, 0, 0, 1)])
    features = Features(values, np.array([0, 3] * 6), np.arange(0, 13, 2))
    found = tune(features, ONE)
    assert not found.weights.vector.any()
    assert features.num_errors(found.weights.vector) == 0
    assert features.num_errors(tune(features, ONE, given=["length_weight"]).weights.vector) >= 3


@given(seed=st.integers(0, 1000))
def test_tuned_weights_are_never_worse_than_the_first_pass(seed: int) -> None:
    random = np.random.default_rng(seed)
    begins = np.array([0, 3, 5, 9])
    features = Features(random.normal(size=(9, 3)), random.integers(0, 4, 9), begins)
    assert features.num_errors(tune(features, ONE).weights.vector) <= features.errors[begins[:-1]].sum()


def test_a_negative_weight_works_for_costs() -> None:
    features = features_of(6)
    costs = features._replace(values=features.values * [1.0, 1.0, -1.0])
    found = tune(features, ONE).weights
    other = tune(costs, ONE.replace(first_pass_weights=(-1.0,)), given=["first_pass_weights"]).weights
    assert (other.model_weight, other.length_weight) == (found.model_weight, found.length_weight)


def test_without_a_first_pass_the_length_weight_is_tuned() -> None:
    features = features_of(7, num_scores=0)
    found = tune(features, RescoringWeights(model_weight=1.0)).weights
    assert found.model_weight == 1.0
    assert features.num_errors(found.vector) <= features.num_errors(np.array([1.0, 0.0]))


def test_tuning_needs_a_weight_that_is_not_given() -> None:
    with pytest.raises(SettingError, match="`--tune` needs a weight that is not given"):
        tune(features_of(0), ONE, given=["model_weight", "length_weight", "first_pass_weights"])


def test_constant_features_keep_their_weights() -> None:
    features = features_of(1)
    features.values[:, 1] = 7.0
    assert tune(features, ONE).weights.length_weight == 0.0


def test_held_out_choices_do_not_depend_on_their_own_references() -> None:
    features = features_of(8, num_utterances=2 * FOLDS)
    held_out = tune(features, ONE).held_out
    assert held_out is not None
    assert ((features.begins[:-1] <= held_out) & (held_out < features.begins[1:])).all()
    # other errors in one fold change the weights of the other folds, and never its own choice
    changed = features.errors.copy()
    for utterance in (0, FOLDS):
        part = slice(features.begins[utterance], features.begins[utterance + 1])
        changed[part] = 9 - changed[part]
    again = tune(features._replace(errors=changed), ONE).held_out
    assert again is not None
    assert again[[0, FOLDS]].tolist() == held_out[[0, FOLDS]].tolist()


def test_a_single_list_has_no_held_out_choice() -> None:
    assert tune(features_of(0, num_utterances=1), ONE).held_out is None


def fewest_by_trying(features: Features, weights: np.ndarray, direction: np.ndarray, low: float, high: float) -> int:
    """Try a point between any two crossings of the hypotheses of a list."""
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
def test_no_point_on_the_line_has_fewer_errors(seed: int, which: int) -> None:
    features = features_of(seed, num_utterances=6, most=5)
    weights = np.random.default_rng(seed).normal(size=3)
    direction = np.eye(3)[which]
    found = search_line(features, weights, direction, low=-3.0, high=4.0)
    assert -3.0 <= found.step <= 4.0
    assert features.num_errors(weights + found.step * direction) == found.num_errors
    assert found.num_errors == fewest_by_trying(features, weights, direction, -3.0, 4.0)


def test_the_widest_best_interval_is_chosen() -> None:
    #  totals along the line: 0, t and 3 t - 6, so that the choice changes at 0 and at 3
    values = np.array([[0.0, 0.0], [0.0, 1.0], [-6.0, 3.0]])
    features = Features(values, np.array([1, 0, 0]), np.array([0, 3]))
    found = search_line(features, np.array([1.0, 0.0]), np.array([0.0, 1.0]), low=-10.0, high=10.0)
    assert found == (5.0, 0)  # from 0 to 10, across the change at 3 that changes no errors


def test_the_first_of_ties_counts() -> None:
    values = np.array([[1.0, 2.0], [1.0, 2.0], [0.0, 0.0]])
    features = Features(values, np.array([5, 0, 9]), np.array([0, 3]))
    assert search_line(features, np.zeros(2), np.array([1.0, 0.0]), low=0.5, high=1.0).num_errors == 5


def test_a_line_without_length_gives_its_start() -> None:
    features = features_of(0)
    found = search_line(features, np.ones(3), np.array([1.0, 0.0, 0.0]), low=2.0, high=2.0)
    assert found == (2.0, features.num_errors(np.array([3.0, 1.0, 1.0])))
