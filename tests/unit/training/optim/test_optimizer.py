from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from nextword.errors import SettingError
from nextword.model.architecture import Architecture
from nextword.model.language_model import LanguageModel
from nextword.training.optim.optimizer import Adam, Muon, gates_by_path, make_optimizer
from nextword.training.optim.schedule import OneCycle
from nextword.training.options import TrainingOptions
from nextword.training.plan import Plan

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


@pytest.mark.parametrize(
    ("name", "kind"), [("adam", keras.optimizers.Adam), ("sgd", keras.optimizers.SGD), ("muon", keras.optimizers.Muon)]
)
def test_the_optimizer_has_the_right_kind_and_clips_the_global_norm(name: str, kind: Any) -> None:
    optimizer = made(optimizer=name, clip_norm=0.25)
    assert isinstance(optimizer, kind)
    assert (optimizer.global_clipnorm, optimizer.clipnorm, optimizer.clipvalue) == (0.25, None, None)


def test_the_optimizer_follows_its_schedule() -> None:
    linear = made(schedule="linear", warmup_fraction=0.2)
    assert [rate_after(linear, step) for step in (0, 19, 60, 100)] == pytest.approx([0.04, 0.8, 0.4, 0.0])
    plateau = made(schedule="plateau")
    plateau.learning_rate = 0.1
    assert rate_after(plateau, 99) == pytest.approx(0.1)


def test_the_learning_rate_follows_the_window_lengths() -> None:
    def rescaled(schedule: str) -> Any:
        options = TrainingOptions.from_table({"schedule": schedule, "learning_rate": 30.0})
        lengths = np.array([1.0, 0.5], np.float32)
        return make_optimizer(options, Plan(10, 2, (2,)), relative_lengths=lengths)

    assert [rate_after(rescaled("constant"), step) for step in (0, 1)] == pytest.approx([30.0, 15.0])
    with pytest.raises(SettingError, match=r"`schedule` must be fixed before training .* but is 'plateau'"):
        rescaled("plateau")


@pytest.mark.parametrize("schedule", ["constant", "plateau"])
def test_a_loss_summed_over_time_needs_no_rescaling(schedule: str) -> None:
    options = TrainingOptions.from_table({"schedule": schedule, "learning_rate": 30.0, "loss": "sum_over_time"})
    lengths = np.array([1.0, 0.5], np.float32)
    optimizer = make_optimizer(options, Plan(10, 2, (2,)), relative_lengths=lengths)
    assert [rate_after(optimizer, step) for step in (0, 1)] == [30.0, 30.0]


@pytest.mark.parametrize("decays", [{}, {"beta_1": 0.0, "beta_2": 0.9}])
def test_without_weight_decay_it_equals_the_adam_of_keras(decays: dict[str, float]) -> None:
    ours = made(learning_rate=0.01, clip_norm=1.0, **decays)
    theirs = keras.optimizers.Adam(0.01, global_clipnorm=1.0, **decays)
    steps = gradients(5)
    for weight, expected in zip(after(ours, steps), after(theirs, steps), strict=True):
        np.testing.assert_array_equal(weight, expected)
    assert len(ours.variables) == len(theirs.variables)


def adam(rate: float, beta_1_at: Callable[[int], float], gradient_at: Callable[[Arrays, Arrays], Arrays]) -> Arrays:
    """The weights after six updates by Adam's equations; `gradient_at` completes a gradient with the weights."""
    weights, beta_2 = begin(), 0.999
    means, squares = ([np.zeros(shape) for shape in SHAPES] for _ in range(2))
    for step, arrays in enumerate(gradients(6), start=1):
        beta_1, total = beta_1_at(step), gradient_at(arrays, weights)
        means = [beta_1 * m + (1 - beta_1) * g for m, g in zip(means, total, strict=True)]
        squares = [beta_2 * s + (1 - beta_2) * g**2 for s, g in zip(squares, total, strict=True)]
        scale = rate * np.sqrt(1 - beta_2**step) / (1 - beta_1**step)
        weights = [w - scale * m / (np.sqrt(s) + 1e-7) for w, m, s in zip(weights, means, squares, strict=True)]
    return weights


def test_adams_weight_decay_is_in_the_loss_and_is_clipped_with_it() -> None:
    def decayed(arrays: Arrays, weights: Arrays) -> Arrays:
        return clipped([g + 0.5 * w for g, w in zip(arrays, weights, strict=True)], 1.0)

    ours = after(made(learning_rate=0.01, clip_norm=1.0, weight_decay=0.5), gradients(6))
    assert_close(ours, adam(0.01, lambda _step: 0.9, decayed))


def test_the_weight_decay_of_sgd_is_that_of_awd_lstm_added_after_clipping() -> None:
    decay, norm, rate = 0.1, 0.25, 0.8
    weights = begin()
    for arrays in gradients(6):
        steps = clipped(arrays, norm)
        weights = [w - rate * (g + decay * w) for w, g in zip(weights, steps, strict=True)]
    assert_close(after(made(optimizer="sgd", clip_norm=norm, weight_decay=decay), gradients(6)), weights)


def test_beta_1_may_follow_a_schedule() -> None:
    cycle = OneCycle(0.8, 0.6, 0.8, warmup_steps=2, total_steps=6)
    expected = adam(0.01, lambda step: float(cycle(step - 1)), lambda arrays, _weights: arrays)
    assert_close(after(Adam(0.01, beta_1=cycle), gradients(6)), expected)


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


def test_only_the_kernels_of_recurrent_layers_are_orthogonalised(model: LanguageModel) -> None:
    gates = gates_by_path(model.trainable_variables)
    named = {"/".join(path.split("/")[-2:]): number for path, number in gates.items()}
    assert named == {"lstm_0/kernel": 4, "lstm_0/recurrent_kernel": 4}


def test_the_number_of_gates_comes_from_the_recurrent_kernel() -> None:
    class Gru(keras.layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.kernel = self.add_weight(shape=(5, 12), name="kernel")
            self.recurrent_kernel = self.add_weight(shape=(4, 12), name="recurrent_kernel")
            self.bias = self.add_weight(shape=(12,), name="bias")

    layer = Gru(name="gru")
    layer.build((None, 5))
    assert gates_by_path(layer.trainable_variables) == {"gru/kernel": 3, "gru/recurrent_kernel": 3}


@pytest.mark.parametrize("compute_dtype", ["float32", "bfloat16"])
def test_each_gate_is_brought_to_singular_values_near_one(model: LanguageModel, compute_dtype: str) -> None:
    gradients = random_gradients(model)
    uneven = np.repeat([1.0, 100.0, 0.01, 10.0], HIDDEN_SIZE)  # no gate sets the scale of another
    gradients = [g * uneven if g.shape[-1] == 4 * HIDDEN_SIZE else g for g in gradients]
    changed = updates(Muon(RATE, compute_dtype=compute_dtype), model, gradients)
    for name, width in (("lstm_0/kernel", EMBEDDING_SIZE), ("lstm_0/recurrent_kernel", HIDDEN_SIZE)):
        for gate in np.split(changed[name], 4, axis=1):
            values = np.linalg.svd(gate / (RATE * 0.2 * np.sqrt(max(width, HIDDEN_SIZE))), compute_uv=False)
            # The iterations stop where they are quick, between 0.7 and 1.2, and a gradient's weakest directions lag.
            assert values.max() < 1.3
            assert np.median(values) > 0.6


def test_the_direction_is_that_of_the_orthogonal_part_of_the_gradient(model: LanguageModel) -> None:
    gradients = random_gradients(model)
    changed = updates(Muon(RATE), model, gradients)["lstm_0/kernel"]
    kernel = next(i for i, weight in enumerate(model.trainable_variables) if weight.shape[0] == EMBEDDING_SIZE)
    for gate, gradient in zip(np.split(changed, 4, axis=1), np.split(gradients[kernel], 4, axis=1), strict=True):
        left, _, right = np.linalg.svd(gradient, full_matrices=False)
        polar = left @ right
        cosine = -(gate * polar).sum() / np.linalg.norm(gate) / np.linalg.norm(polar)
        assert cosine > 0.97


def test_all_other_weights_are_updated_as_keras_adam_does(model: LanguageModel) -> None:
    gradients = random_gradients(model)
    ours = updates(Muon(RATE, adam_beta_1=0.8, adam_beta_2=0.99), model, gradients)
    other = LanguageModel(model.architecture, seed=1)
    theirs = updates(keras.optimizers.Adam(RATE, 0.8, 0.99), other, gradients)
    for name in sorted(set(theirs) - {"lstm_0/kernel", "lstm_0/recurrent_kernel"}):
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)


def test_the_momentum_is_that_of_nesterov(model: LanguageModel) -> None:
    first, second = random_gradients(model), [0.5 * gradient[::-1] for gradient in random_gradients(model)]
    optimizer = Muon(RATE)
    updates(optimizer, model, first)
    changed = updates(optimizer, model, second)["lstm_0/recurrent_kernel"]
    index = next(i for i, weight in enumerate(model.trainable_variables) if weight.name == "recurrent_kernel")
    direction = second[index] + 0.95 * (0.95 * first[index] + second[index])
    other = LanguageModel(model.architecture, seed=1)
    alone = [direction if i == index else gradient for i, gradient in enumerate(second)]
    # A single update has the direction of its gradient, and the length does not matter.
    expected = updates(Muon(RATE), other, alone)["lstm_0/recurrent_kernel"]
    np.testing.assert_allclose(changed, expected, atol=2e-6)


def test_the_kernels_have_their_own_learning_rate(model: LanguageModel) -> None:
    gradients = random_gradients(model)
    other = LanguageModel(model.architecture, seed=1)
    once, thrice = (updates(Muon(RATE), model, gradients), updates(Muon(RATE, rate_ratio=3.0), other, gradients))
    for name in once:
        factor = 3.0 if name in ("lstm_0/kernel", "lstm_0/recurrent_kernel") else 1.0
        np.testing.assert_allclose(thrice[name], factor * once[name], atol=2e-6, err_msg=name)


def test_weight_decay_shrinks_every_weight(model: LanguageModel) -> None:
    gradients = random_gradients(model)
    other = LanguageModel(model.architecture, seed=1)
    before = other.named_weights()
    plain = updates(Muon(RATE), model, gradients)
    decayed = updates(Muon(RATE, weight_decay=0.5), other, gradients)
    for name in plain:
        np.testing.assert_allclose(decayed[name] - plain[name], -RATE * 0.5 * before[name], atol=2e-6, err_msg=name)


def test_the_settings_are_passed_to_the_optimizer() -> None:
    options = TrainingOptions(optimizer="muon", beta_1=0.8, beta_2=0.95, weight_decay=0.1, muon_rate_ratio=2.0)
    muon: Any = make_optimizer(options, PLAN, compute_dtype="bfloat16")
    assert (muon.adam_beta_1, muon.adam_beta_2) == (0.8, 0.95)
    assert (muon.weight_decay, muon.adam_weight_decay) == (0.1, 0.1)
    assert (muon.rate_ratio, muon.compute_dtype) == (2.0, "bfloat16")


@pytest.mark.parametrize("name", ["adam", "muon", "sgd"])
def test_the_embedding_has_a_learning_rate_of_its_own(model: LanguageModel, name: str) -> None:
    gradients = random_gradients(model)
    other = LanguageModel(model.architecture, seed=1)
    usual = updates(made(optimizer=name, learning_rate=0.01), model, gradients)
    found = updates(made(optimizer=name, learning_rate=0.01, embedding_rate_ratio=3.0), other, gradients)
    for weight, update in usual.items():
        ratio = 3.0 if weight == "embedding/embeddings" else 1.0
        np.testing.assert_allclose(found[weight], ratio * update, rtol=1e-4, atol=2e-6, err_msg=weight)


@pytest.mark.parametrize("name", ["adam", "muon", "sgd"])
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
