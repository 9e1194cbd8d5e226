"""The requirements of Keras for every layer, tested with one table."""

import importlib
import inspect
import json
import pkgutil
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import keras
import numpy as np
import pytest

import nextword.model
import nextword.model.layers
from nextword.model.architecture import Architecture
from nextword.model.layers.dropout import Dropout, EmbeddingDropout, WeightDrop
from nextword.model.layers.initialization import Initialization, InitializedLayer
from nextword.model.layers.output_projection import OutputProjection
from nextword.model.layers.recurrence import GRU, LSTM, RNN, HiddenState, Recurrence
from nextword.model.ops.lstm import LSTMState
from nextword.model.recurrent_stack import CarriedState, RecurrentStack

OTHER_THAN_DEFAULT = Initialization(kind="uniform", scale=0.3, seed=5)
ARCHITECTURE = Architecture(
    vocabulary_size=7,
    embedding_size=5,
    hidden_sizes=(4, 3),
    input_dropout_rate=0.5,
    hidden_dropout_rate=0.5,
    output_dropout_rate=0.5,
    forget_bias=0.5,
)


def numbers(*shape: int) -> Any:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


class Case(NamedTuple):
    """A layer and the arguments of its call."""

    make: Callable[..., Any]
    arguments: tuple[Any, ...]
    has_training: bool = False
    multiplies: bool = True


CASES = {
    "LSTM": Case(
        lambda **options: LSTM(4, forget_bias=0.5, state_modulation=True, initialization=OTHER_THAN_DEFAULT, **options),
        (numbers(2, 3, 5), LSTMState(numbers(2, 4), numbers(2, 4))),
        has_training=True,
    ),
    "GRU": Case(
        lambda **options: GRU(4, weight_drop_rate=0.5, initialization=OTHER_THAN_DEFAULT, **options),
        (numbers(2, 3, 5), HiddenState(numbers(2, 4))),
        has_training=True,
    ),
    "RNN": Case(
        lambda **options: RNN(4, weight_drop_rate=0.5, initialization=OTHER_THAN_DEFAULT, **options),
        (numbers(2, 3, 5), HiddenState(numbers(2, 4))),
        has_training=True,
    ),
    "OutputProjection": Case(
        lambda **options: OutputProjection(7, initialization=OTHER_THAN_DEFAULT, **options), (numbers(2, 3, 5),)
    ),
    "OutputProjection, tied": Case(
        lambda **options: OutputProjection(7, tied=True, **options), (numbers(2, 3, 5), numbers(7, 5))
    ),
    "CarriedState": Case(
        lambda **options: CarriedState((4, 3), 2, **options), (np.array([True, False]),), multiplies=False
    ),
    "CarriedState of a GRU": Case(
        lambda **options: CarriedState((4, 3), 2, cell="gru", **options), (np.array([True, False]),), multiplies=False
    ),
    "Dropout": Case(
        lambda **options: Dropout(0.5, (None, 1, None), seed=3, **options),
        (numbers(2, 3, 5),),
        has_training=True,
        multiplies=False,
    ),
    "WeightDrop": Case(
        lambda **options: WeightDrop(0.5, seed=3, **options), (numbers(4, 5),), has_training=True, multiplies=False
    ),
    "EmbeddingDropout": Case(
        lambda **options: EmbeddingDropout(7, 0.5, seed=3, **options),
        (numbers(2, 3, 5), np.array([[0, 1, 2], [2, 1, 6]], np.int32)),
        has_training=True,
        multiplies=False,
    ),
    "RecurrentStack": Case(
        lambda **options: RecurrentStack(ARCHITECTURE, initialization=OTHER_THAN_DEFAULT, **options),
        (numbers(2, 3, 5), tuple(LSTMState(numbers(2, size), numbers(2, size)) for size in (4, 3))),
        has_training=True,
    ),
}

every_layer = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


def leaves(outputs: Any) -> list[Any]:
    return [np.asarray(leaf) for leaf in keras.tree.flatten(outputs)]


def assert_equal(ours: Any, theirs: Any) -> None:
    for one, other in zip(leaves(ours), leaves(theirs), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_table_has_all_layers() -> None:
    found = set()
    for package in (nextword.model.layers, nextword.model):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            members = vars(importlib.import_module(module.name)).values()
            classes = [member for member in members if isinstance(member, type) and member.__module__ == module.name]
            found |= {kind for kind in classes if issubclass(kind, keras.layers.Layer)}
    layers = {kind for kind in found - {InitializedLayer, Recurrence} if not issubclass(kind, keras.Model)}
    assert layers == {type(case.make()) for case in CASES.values()}


@every_layer
def test_a_layer_is_restored_from_its_configuration(case: Case) -> None:
    layer = case.make(name="some_name")
    outputs = layer(*case.arguments)
    written = json.dumps(keras.saving.serialize_keras_object(layer))
    again = keras.saving.deserialize_keras_object(json.loads(written))
    assert type(again) is type(layer)
    assert again.get_config() == layer.get_config()
    assert_equal(again(*case.arguments), outputs)  # with the same initial weights


def arguments_of(kind: type) -> set[str]:
    """Return the constructor arguments of a layer and of its base classes in nextword."""
    ours = [base for base in kind.__mro__ if base.__module__.startswith("nextword.")]
    names = {
        name
        for base in ours
        if "__init__" in vars(base)
        for name in inspect.signature(vars(base)["__init__"]).parameters
    }
    return names - {"self", "args", "kwargs", "options"}


@every_layer
def test_a_configuration_keeps_every_argument_of_the_constructor(case: Case) -> None:
    options = {"compute_dtype": "bfloat16"} if case.multiplies else {}
    layer = case.make(name="some_name", trainable=False, **options)
    assert layer.get_config().get("compute_dtype") == options.get("compute_dtype")
    assert arguments_of(type(layer)) <= layer.get_config().keys()
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert (again.name, again.trainable) == ("some_name", False)


@every_layer
def test_a_symbolic_call_has_the_shapes_of_an_eager_call(case: Case) -> None:
    symbols = keras.tree.map_structure(
        lambda array: keras.Input(array.shape[1:], array.shape[0], array.dtype), case.arguments
    )
    symbolic, eager = case.make()(*symbols), case.make()(*case.arguments)
    keras.tree.assert_same_structure(symbolic, eager)
    for symbol, array in zip(keras.tree.flatten(symbolic), leaves(eager), strict=True):
        assert (tuple(symbol.shape), symbol.dtype) == (array.shape, array.dtype)


@every_layer
@pytest.mark.parametrize("compute_dtype", ["float32", "bfloat16"])
def test_outputs_are_finite_float32(case: Case, compute_dtype: str) -> None:
    layer = case.make(**({"compute_dtype": compute_dtype} if case.multiplies else {}))
    for options in ({}, {"training": True}) if case.has_training else ({},):
        outputs = layer(*case.arguments, **options)
        assert all(leaf.dtype == np.float32 for leaf in leaves(outputs))
        assert all(np.isfinite(leaf).all() for leaf in leaves(outputs))


@every_layer
def test_a_small_step_down_the_gradient_lowers_the_loss(case: Case) -> None:
    layer = case.make()
    layer(*case.arguments)
    before = [variable.value for variable in layer.trainable_variables]

    def loss(values: list[Any]) -> Any:
        others = [variable.value for variable in layer.non_trainable_variables]
        outputs, _ = layer.stateless_call(values, others, *case.arguments)
        return sum(((leaf - 0.7) ** 2).sum() for leaf in jax.tree.leaves(outputs))

    gradients = jax.grad(loss)(before)
    assert bool(gradients) == (not isinstance(layer, CarriedState | Dropout | EmbeddingDropout))
    assert all(np.abs(gradient).max() > 0 for gradient in gradients)
    after = [value - 1e-3 * gradient for value, gradient in zip(before, gradients, strict=True)]
    if gradients:
        assert loss(after) < loss(before)


@every_layer
def test_nothing_random_happens_outside_of_training(case: Case) -> None:
    layer = case.make()
    outputs = layer(*case.arguments)
    states = [np.asarray(variable.value) for variable in layer.non_trainable_variables]
    assert_equal(layer(*case.arguments), outputs)
    if case.has_training:
        assert_equal(layer(*case.arguments, training=False), outputs)
    assert_equal(states, [variable.value for variable in layer.non_trainable_variables])
