from typing import Any

import jax
import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from nextword.architecture import Architecture
from nextword.engine.functional_model import weights_of
from nextword.engine.gradient_statistics import gradient_statistics
from nextword.models.language_model import LanguageModel


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    """A model that no test changes."""
    sizes: dict[str, Any] = {"vocabulary_size": 6, "embedding_size": 4, "hidden_sizes": (3, 4)}
    return LanguageModel(Architecture(**sizes, tied=True, initializer_scale=0.5, output_dropout_rate=0.5), seed=1)


def squared_gradients(model: LanguageModel, inputs: list[list[int]], targets: list[list[int]], state: Any) -> Any:
    """Return the squared gradients of the mean loss of a batch by way of its logits, and the state after it."""

    def loss(weights: Any) -> Any:
        with keras.StatelessScope(state_mapping=list(zip(model.trainable_variables, weights, strict=True))):
            logits, after = model(np.array(inputs, np.int32), state)
        log_probs = jax.nn.log_softmax(logits)
        return -jax.numpy.take_along_axis(log_probs, np.array(targets)[..., None], -1).mean(), after

    gradients, after = jax.grad(loss, has_aux=True)(weights_of(model))
    return [np.square(array) for array in gradients], after


def means_of(arrays: Any) -> list[NDArray[np.float32]]:
    return [np.sqrt(np.mean(squares, axis=0)) for squares in zip(*arrays, strict=True)]


def test_it_is_the_root_mean_square_over_batches_with_the_state_carried(model: LanguageModel) -> None:
    ids = np.array([1, 2, 3, 4, 5, 1, 1, 3, 5, 2, 4, 1], np.int32)
    inputs = [[0, 1, 2], [1, 1, 3]], [[3, 4, 5], [5, 2, 4]]
    first, state = squared_gradients(model, inputs[0], [[1, 2, 3], [1, 3, 5]], model.initial_state(2))
    second, _ = squared_gradients(model, inputs[1], [[4, 5, 1], [2, 4, 1]], state)
    found = gradient_statistics(model, ids, end_id=0, batch_size=2, num_steps=3)
    assert found.num_tokens == 12
    for array, expected in zip(found.root_mean_squares, means_of([first, second]), strict=True):
        np.testing.assert_allclose(array, expected, rtol=1e-4, atol=1e-7)
    assert found.mean == pytest.approx(np.mean([np.mean(array) for array in found.root_mean_squares]))


@pytest.mark.parametrize("max_tokens", [1, 6, 11])
def test_no_more_is_read_than_asked_for(model: LanguageModel, max_tokens: int) -> None:
    ids = np.array([1, 2, 3, 4, 5, 1, 1, 3, 5, 2, 4, 1], np.int32)
    told: list[tuple[int, int]] = []
    found = gradient_statistics(
        model,
        ids,
        end_id=0,
        batch_size=2,
        num_steps=3,
        max_tokens=max_tokens,
        on_progress=lambda done, total: told.append((done, total)),
    )
    only, _ = squared_gradients(model, [[0, 1, 2], [1, 1, 3]], [[1, 2, 3], [1, 3, 5]], model.initial_state(2))
    for array, expected in zip(found.root_mean_squares, means_of([only]), strict=True):
        np.testing.assert_allclose(array, expected, rtol=1e-4, atol=1e-7)
    assert (found.num_tokens, told) == (6, [(6, 6)])


def test_a_text_shorter_than_a_batch_is_read_whole(model: LanguageModel) -> None:
    found = gradient_statistics(model, np.array([3, 1], np.int32), end_id=0)
    only, _ = squared_gradients(model, [[0, 3]], [[3, 1]], model.initial_state(1))
    assert found.num_tokens == 2
    for array, expected in zip(found.root_mean_squares, means_of([only]), strict=True):
        np.testing.assert_allclose(array, expected, rtol=1e-4, atol=1e-7)
