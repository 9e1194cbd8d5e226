from math import prod

import pytest

from harness.inference.settings import Effort, ModelSize
from nextword.errors import SettingError


@pytest.mark.parametrize("size", [ModelSize(), ModelSize(vocabulary_size=70, hidden_size=3, num_layers=3)])
def test_a_step_multiplies_by_every_matrix_of_the_model(size: ModelSize) -> None:
    shapes = size.architecture.weight_shapes()
    # The embedding is the output's matrix as well.
    assert size.weights_per_step == sum(prod(shape) for shape in shapes.values() if len(shape) == 2)


def test_the_model_is_that_of_the_training_benchmark_unless_told_otherwise() -> None:
    architecture = ModelSize().architecture
    assert (architecture.vocabulary_size, architecture.hidden_sizes, architecture.tied) == (10_000, (512, 512), True)


@pytest.mark.parametrize(("keys", "turns", "per_turn"), [(2400, 6, 400), (2000, 6, 334), (1, 3, 1)])
def test_all_turns_together_have_the_keys_that_were_asked_for(keys: int, turns: int, per_turn: int) -> None:
    assert Effort(keys=keys, turns=turns).keys_per_turn == per_turn


def test_a_turn_without_a_sentence_is_refused() -> None:
    with pytest.raises(SettingError, match="`sentences` must be at least one for each of the 6 turns, but is 5"):
        Effort(sentences=5)
