from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from nextword.model.architecture import Architecture
from nextword.model.language_model import LanguageModel
from nextword.training.options import TrainingOptions
from nextword.training.plan import Plan
from nextword.training.step.optimizer import make_optimizer

Arrays = list[NDArray[np.float64]]

SHAPES = ((3, 4), (4,))

EMBEDDING_SIZE, HIDDEN_SIZE, RATE = 12, 16, 0.02

PLAN = Plan(steps_per_epoch=10, round_steps=10, planned_steps=(100,))


def made(**options: Any) -> Any:
    table = {"learning_rate": 0.8, **options}
    return make_optimizer(TrainingOptions.from_table(table), PLAN)


def rate_after(optimizer: Any, steps: int) -> float:
    optimizer.iterations.assign(steps)
    return float(optimizer.learning_rate)


def begin() -> Arrays:
    random = np.random.default_rng(0)
    return [random.normal(size=shape) for shape in SHAPES]


def gradients(num_steps: int) -> list[Arrays]:
    random = np.random.default_rng(1)
    return [[random.normal(size=shape) for shape in SHAPES] for _ in range(num_steps)]


def clipped(arrays: Arrays, norm: float) -> Arrays:
    length = np.sqrt(sum(np.square(array).sum() for array in arrays))
    return [array * min(1.0, norm / length) for array in arrays]


def after(optimizer: Any, steps: Sequence[Arrays]) -> list[NDArray[np.float32]]:
    """The weights after some updates."""
    weights = [keras.Variable(array.astype(np.float32)) for array in begin()]
    optimizer.build(weights)
    for step in steps:
        optimizer.apply([keras.ops.convert_to_tensor(array.astype(np.float32)) for array in step])
    return [keras.ops.convert_to_numpy(weight) for weight in weights]


def assert_close(ours: Sequence[NDArray[Any]], expected: Sequence[NDArray[Any]], atol: float = 1e-5) -> None:
    for array, other in zip(ours, expected, strict=True):
        np.testing.assert_allclose(array, other, atol=atol)


@pytest.mark.parametrize(("name", "kind"), [("adam", keras.optimizers.Adam), ("sgd", keras.optimizers.SGD)])
def test_the_optimizer_has_the_right_kind_and_clips_the_global_norm(name: str, kind: Any) -> None:
    optimizer = made(optimizer=name, clip_norm=0.25)
    assert isinstance(optimizer, kind)
    assert (optimizer.global_clipnorm, optimizer.clipnorm, optimizer.clipvalue) == (0.25, None, None)


def test_the_optimizer_follows_its_schedule() -> None:
    linear = made(schedule="linear")
    assert [rate_after(linear, step) for step in (0, 4, 81, 100)] == pytest.approx([0.16, 0.8, 0.16, 0.0])


def test_the_learning_rate_follows_the_window_lengths() -> None:
    for loss, expected in (("mean", [30.0, 15.0]), ("sum_over_time", [30.0, 30.0])):
        options = TrainingOptions.from_table({"learning_rate": 30.0, "loss": loss})
        lengths = np.array([1.0, 0.5], np.float32)
        optimizer = make_optimizer(options, Plan(10, 2, (2,)), relative_lengths=lengths)
        assert [rate_after(optimizer, step) for step in (0, 1)] == pytest.approx(expected)


def test_without_weight_decay_it_equals_the_adam_of_keras() -> None:
    ours = made(learning_rate=0.01, clip_norm=1.0)
    theirs = keras.optimizers.Adam(0.01, global_clipnorm=1.0)
    steps = gradients(5)
    for weight, expected in zip(after(ours, steps), after(theirs, steps), strict=True):
        np.testing.assert_array_equal(weight, expected)
    assert len(ours.variables) == len(theirs.variables)


def adam(rate: float, gradient_at: Callable[[Arrays, Arrays], Arrays]) -> Arrays:
    """The weights after six updates by Adam's equations; `gradient_at` completes a gradient with the weights."""
    weights, beta_1, beta_2 = begin(), 0.9, 0.999
    means, squares = ([np.zeros(shape) for shape in SHAPES] for _ in range(2))
    for step, arrays in enumerate(gradients(6), start=1):
        total = gradient_at(arrays, weights)
        means = [beta_1 * m + (1 - beta_1) * g for m, g in zip(means, total, strict=True)]
        squares = [beta_2 * s + (1 - beta_2) * g**2 for s, g in zip(squares, total, strict=True)]
        scale = rate * np.sqrt(1 - beta_2**step) / (1 - beta_1**step)
        weights = [w - scale * m / (np.sqrt(s) + 1e-7) for w, m, s in zip(weights, means, squares, strict=True)]
    return weights


def test_adams_weight_decay_is_in_the_loss_and_is_clipped_with_it() -> None:
    def decayed(arrays: Arrays, weights: Arrays) -> Arrays:
        return clipped([g + 0.5 * w for g, w in zip(arrays, weights, strict=True)], 1.0)

    ours = after(made(learning_rate=0.01, clip_norm=1.0, weight_decay=0.5), gradients(6))
    assert_close(ours, adam(0.01, decayed))


def test_the_weight_decay_of_sgd_is_that_of_awd_lstm_added_after_clipping() -> None:
    decay, norm, rate = 0.1, 0.25, 0.8
    weights = begin()
    for arrays in gradients(6):
        steps = clipped(arrays, norm)
        weights = [w - rate * (g + decay * w) for w, g in zip(weights, steps, strict=True)]
    assert_close(after(made(optimizer="sgd", clip_norm=norm, weight_decay=decay), gradients(6)), weights)


@pytest.fixture
def model() -> LanguageModel:
    return LanguageModel(
        Architecture(vocabulary_size=30, embedding_size=EMBEDDING_SIZE, hidden_sizes=(HIDDEN_SIZE,)), seed=1
    )


def random_gradients(model: LanguageModel) -> list[NDArray[np.float32]]:
    random = np.random.default_rng(0)
    return [random.normal(size=weight.shape).astype(np.float32) for weight in model.trainable_variables]


def updates(optimizer: Any, model: LanguageModel, gradients: Sequence[NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The change of each weight in one update."""
    before = model.named_weights()
    optimizer.build(model.trainable_variables)
    optimizer.apply([keras.ops.convert_to_tensor(gradient) for gradient in gradients])
    return {name: weight - before[name] for name, weight in model.named_weights().items()}


@pytest.mark.parametrize("name", ["adam", "sgd"])
def test_the_embedding_has_a_learning_rate_of_its_own(model: LanguageModel, name: str) -> None:
    gradients = random_gradients(model)
    other = LanguageModel(model.architecture, seed=1)
    usual = updates(made(optimizer=name, learning_rate=0.01), model, gradients)
    found = updates(made(optimizer=name, learning_rate=0.01, embedding_rate_ratio=3.0), other, gradients)
    for weight, update in usual.items():
        ratio = 3.0 if weight == "embedding/embeddings" else 1.0
        np.testing.assert_allclose(found[weight], ratio * update, rtol=1e-4, atol=2e-6, err_msg=weight)


@pytest.mark.parametrize("name", ["adam", "sgd"])
def test_anchored_weights_decay_to_where_they_began(name: str) -> None:
    optimizer = made(optimizer=name, learning_rate=0.1, weight_decay=0.5)
    variables = [keras.Variable(array) for array in begin()]
    optimizer.build(variables)
    optimizer.anchor(variables)
    still = [np.zeros(shape) for shape in SHAPES]
    optimizer.apply(still, variables)
    for variable, array in zip(variables, begin(), strict=True):
        np.testing.assert_allclose(variable, array, rtol=1e-6)
    for variable in variables:
        variable.assign(variable + 1.0)
    optimizer.apply(still, variables)
    for variable, array in zip(variables, begin(), strict=True):
        assert (np.abs(np.asarray(variable) - array) < 1.0).all()
