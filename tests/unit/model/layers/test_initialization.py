from typing import Any

import numpy as np
import pytest

from nextword.errors import SettingError
from nextword.model.architecture import Architecture
from nextword.model.language_model import LanguageModel
from nextword.model.layers.initialization import Initialization


def weights(seed: int = 0, **changes: Any) -> dict[str, Any]:
    sizes = {"vocabulary_size": 11, "embedding_size": 6, "hidden_sizes": (5, 4)}
    return LanguageModel(Architecture(**{**sizes, **changes}), seed=seed).named_weights()


def drawn_at_random(named: dict[str, Any]) -> dict[str, Any]:
    return {name: array for name, array in named.items() if not name.endswith("bias")}


@pytest.mark.parametrize("initializer", ["glorot", "uniform"])
def test_another_seed_gives_other_weights(initializer: str) -> None:
    one, other = weights(seed=3, initializer=initializer), weights(seed=4, initializer=initializer)
    for name, array in drawn_at_random(one).items():
        assert not np.isclose(array, other[name]).any(), name


def test_adding_a_layer_leaves_the_others_as_they_were() -> None:
    before, after = weights(hidden_sizes=(5, 4)), weights(hidden_sizes=(5, 4, 4))
    assert after.keys() - before.keys() == {"lstm_2/kernel", "lstm_2/recurrent_kernel", "lstm_2/bias"}
    for name, array in before.items():
        np.testing.assert_array_equal(array, after[name], err_msg=name)


def test_all_weights_have_different_values() -> None:
    named = weights(embedding_size=5, hidden_sizes=(5, 5, 5), vocabulary_size=20, initializer="uniform")
    drawn = [array.ravel()[:20] for array in drawn_at_random(named).values()]
    for index, one in enumerate(drawn):
        assert not any(np.allclose(one, other) for other in drawn[:index])


def test_uniform_weights_fill_their_interval_and_biases_begin_at_zero() -> None:
    named = weights(embedding_size=40, hidden_sizes=(40,), initializer="uniform", initializer_scale=0.3, forget_bias=0)
    for name, array in drawn_at_random(named).items():
        assert 0.27 < np.abs(array).max() <= 0.3, name
        assert abs(array.mean()) < 0.05, name
    assert all(not array.any() for name, array in named.items() if name.endswith("bias"))


def test_glorot_kernels_are_bounded_by_their_fans_and_recurrent_ones_are_orthogonal() -> None:
    named = weights(embedding_size=12, hidden_sizes=(10,), initializer_scale=0.3)
    bound = (6 / (12 + 40)) ** 0.5
    assert 0.9 * bound < np.abs(named["lstm_0/kernel"]).max() <= bound
    recurrent = named["lstm_0/recurrent_kernel"]
    np.testing.assert_allclose(recurrent @ recurrent.T, np.eye(10), atol=1e-5)
    assert 0.2 < np.abs(named["embedding/embeddings"]).max() <= 0.3


def test_dropout_masks_have_a_seed_for_each_layer_and_model() -> None:
    names, seeds = ("dropout_0", "dropout_1"), range(3)
    drawn = [Initialization(seed=seed).dropout_seed(name) for seed in seeds for name in names]
    assert len(set(drawn)) == 6
    assert drawn[0] == Initialization(seed=0, kind="uniform", scale=9).dropout_seed("dropout_0")


@pytest.mark.parametrize("wrong", [{"seed": -1}, {"scale": -0.1}, {"kind": "zeros"}])
def test_a_value_out_of_its_range_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingError):
        Initialization(**wrong)
