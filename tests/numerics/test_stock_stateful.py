"""Why `CarriedState` exists: Keras's stateful LSTM in `fit` and `evaluate` on JAX."""

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from nextword.model.architecture import Architecture
from nextword.model.language_model import LanguageModel
from nextword.training.step.stream_model import StreamModel

FIXED_IN_KERAS = (
    "Keras now carries the state of a stateful LSTM on JAX. Update the docs of `CarriedState` and the tutorial, "
    "and check whether the layer is still needed."
)
BATCH_SIZE, NUM_STEPS, NUM_WINDOWS = 2, 3, 4


def stock_model(*, stateful: bool) -> keras.Sequential:
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input(batch_shape=(BATCH_SIZE, NUM_STEPS, 4)),
            keras.layers.LSTM(5, stateful=stateful, return_sequences=True),
            keras.layers.Dense(1),
        ]
    )
    model.compile("sgd", "mse")
    return model


def sequences() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    random = np.random.default_rng(0)
    rows = BATCH_SIZE * NUM_WINDOWS
    inputs, targets = random.normal(size=(rows, NUM_STEPS, 4)), random.normal(size=(rows, NUM_STEPS, 1))
    return inputs.astype(np.float32), targets.astype(np.float32)


def fit_and_evaluate(model: keras.Sequential) -> list[float]:
    inputs, targets = sequences()
    options = {"batch_size": BATCH_SIZE, "verbose": 0}
    history = model.fit(inputs, targets, shuffle=False, **options)
    return [*history.history["loss"], model.evaluate(inputs, targets, **options)]


def largest(states: Any) -> float:
    return max(float(np.abs(np.asarray(state)).max()) for state in keras.tree.flatten(states))


def test_stock_stateful_carries_nothing_in_fit_and_evaluate() -> None:
    stateful = stock_model(stateful=True)
    assert fit_and_evaluate(stateful) == fit_and_evaluate(stock_model(stateful=False)), FIXED_IN_KERAS
    assert largest([state.value for state in stateful.layers[0].states]) == 0, FIXED_IN_KERAS


def test_stock_stateful_carries_state_in_direct_calls() -> None:
    layer = stock_model(stateful=True).layers[0]
    window = sequences()[0][:BATCH_SIZE]
    first, second = np.asarray(layer(window)), np.asarray(layer(window))
    assert not np.allclose(first, second, atol=1e-3)
    assert largest([state.value for state in layer.states]) > 0


def stream_losses(*, carried: bool) -> tuple[list[float], StreamModel]:
    """Train and evaluate our model on a few windows, with state reset in each unless `carried`."""
    model = LanguageModel(Architecture(vocabulary_size=7, embedding_size=4, hidden_sizes=(5,), initializer_scale=1.0))
    stream = StreamModel(model, batch_size=BATCH_SIZE)
    stream.compile("sgd")
    rows = BATCH_SIZE * NUM_WINDOWS
    tokens = np.random.default_rng(0).integers(7, size=(rows, NUM_STEPS), dtype=np.int32)
    inputs = {"tokens": tokens, "reset": np.full(rows, not carried)}
    targets, weights = np.roll(tokens, -1, axis=1), np.ones(tokens.shape, np.float32)
    options = {"sample_weight": weights, "batch_size": BATCH_SIZE, "verbose": 0}
    history = stream.fit(inputs, targets, shuffle=False, **options)
    return [*history.history["loss"], stream.evaluate(inputs, targets, **options, return_dict=True)["loss"]], stream


def test_our_state_is_carried_in_fit_and_evaluate() -> None:
    carried, stream = stream_losses(carried=True)
    reset, _ = stream_losses(carried=False)
    assert all(abs(one - other) > 1e-5 for one, other in zip(carried, reset, strict=True))
    for state in (stream.train_state, stream.valid_state):
        assert largest([variable.value for variable in state.variables]) > 0
