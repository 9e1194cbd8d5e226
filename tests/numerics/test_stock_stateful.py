"""Why `CarriedState` exists: Keras's stateful LSTM in `fit` and `evaluate` on JAX."""

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

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
