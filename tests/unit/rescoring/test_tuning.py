from collections.abc import Callable

import numpy as np
import pytest

from nextword.errors import SettingError
from nextword.rescoring.features import Features
from nextword.rescoring.tuning import FOLDS, tune
from nextword.rescoring.weights import RescoringWeights

MakeFeatures = Callable[..., Features]

ONE = RescoringWeights(first_pass_weights=(1.0,))


def dense_fewest(features: Features) -> int:
    grid = [np.array([model, length, 1.0]) for model in np.linspace(0, 4, 81) for length in np.linspace(-4, 4, 41)]
    return min(map(features.num_errors, grid))


@pytest.mark.parametrize("seed", range(4))
def test_no_dense_grid_finds_better_weights(features_of: MakeFeatures, seed: int) -> None:
    features = features_of(seed)
    found = tune(features, ONE).weights
    assert features.num_errors(found.vector) <= dense_fewest(features)
    assert features.num_errors(found.vector) < features.num_errors(np.array([0.0, 0.0, 1.0]))
    assert found.model_weight > 0
    assert found.first_pass_weights == (1.0,)


def test_the_same_lists_give_the_same_weights(features_of: MakeFeatures) -> None:
    first, second = (tune(features_of(5, num_scores=2), ONE.replace(first_pass_weights=(1.0, 1.0))) for _ in range(2))
    assert first.weights == second.weights
    assert np.array_equal(first.held_out, second.held_out)  # type: ignore[arg-type]


def test_scores_on_another_scale_come_to_the_same_choice(features_of: MakeFeatures) -> None:
    features = features_of(2)
    scales = np.array([0.01, 1.0, 1000.0])
    scaled = features._replace(values=features.values * scales)
    found, other = (tune(each, ONE).weights for each in (features, scaled))
    assert np.array_equal(features.chosen(found.vector), scaled.chosen(other.vector))
    assert other.model_weight == pytest.approx(found.model_weight * 100_000, rel=0.01)


def test_weights_that_are_given_stay(features_of: MakeFeatures) -> None:
    features = features_of(3, num_scores=2)
    given = RescoringWeights(model_weight=0.25, first_pass_weights=(1.0, -0.5))
    found = tune(features, given, given=["model_weight", "first_pass_weights"]).weights
    assert (found.model_weight, found.first_pass_weights) == (0.25, (1.0, -0.5))
    assert features.num_errors(found.vector) <= features.num_errors(given.vector)


def test_costs_are_weighed_down_where_their_weight_is_given(features_of: MakeFeatures) -> None:
    features = features_of(6)
    costs = features._replace(values=features.values * [1.0, 1.0, -1.0])
    found = tune(features, ONE).weights
    other = tune(costs, ONE.replace(first_pass_weights=(-1.0,)), given=["first_pass_weights"]).weights
    assert (other.model_weight, other.length_weight) == (found.model_weight, found.length_weight)


def test_without_a_first_pass_the_length_is_weighed_against_the_model(features_of: MakeFeatures) -> None:
    features = features_of(7, num_scores=0)
    found = tune(features, RescoringWeights(model_weight=1.0)).weights
    assert found.model_weight == 1.0
    assert features.num_errors(found.vector) <= features.num_errors(np.array([1.0, 0.0]))


def test_where_all_is_given_nothing_can_be_tuned(features_of: MakeFeatures) -> None:
    with pytest.raises(SettingError, match="tuning needs a weight that is not given"):
        tune(features_of(0), ONE, given=["model_weight", "length_weight", "first_pass_weights"])


def test_features_that_never_differ_keep_their_weights(features_of: MakeFeatures) -> None:
    features = features_of(1)
    features.values[:, 1] = 7.0
    assert tune(features, ONE).weights.length_weight == 0.0


def test_what_is_held_out_does_not_decide_about_itself(features_of: MakeFeatures) -> None:
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


def test_a_lone_list_has_nothing_held_out(features_of: MakeFeatures) -> None:
    assert tune(features_of(0, num_utterances=1), ONE).held_out is None
