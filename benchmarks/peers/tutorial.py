"""The tutorial's program: "Keras LSTM tutorial" (Andy Thomas, 2018), on Keras 3 and JAX.

    embedding -> LSTM -> LSTM -> dropout -> dense at every time step -> softmax

Targets are one-hot rows, made for each batch, the loss is the categorical cross-entropy, and windows of one stream
follow each other without any state between them, as in the tutorial. Written from its description.
"""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from keras_steps import StepTimer, describe
from peer_protocol import Run, serve

_WINDOWS_OF_TEXT = 2000

Batch = tuple[NDArray[np.int32], NDArray[Any]]


def build(model: dict[str, Any], num_steps: int) -> Any:
    """Return the tutorial's model, compiled."""
    layers = keras.layers
    network = keras.Sequential()
    network.add(layers.Input((num_steps,), dtype="int32"))
    network.add(layers.Embedding(model["vocabulary_size"], model["embedding_size"]))
    for hidden_size in model["hidden_sizes"]:
        network.add(layers.LSTM(hidden_size, return_sequences=True))
    network.add(layers.Dropout(model["output_dropout_rate"]))
    network.add(layers.TimeDistributed(layers.Dense(model["vocabulary_size"])))
    network.add(layers.Activation("softmax"))
    network.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["categorical_accuracy"])
    return network


def batches(ids: NDArray[np.int32], vocabulary_size: int, batch_size: int, num_steps: int) -> Iterator[Batch]:
    """Yield batches of successive windows forever, and start again at the end of the text."""
    start = 0
    while True:
        inputs = np.zeros((batch_size, num_steps), np.int32)
        targets = np.zeros((batch_size, num_steps, vocabulary_size))
        for row in range(batch_size):
            if start + num_steps >= len(ids):
                start = 0
            inputs[row] = ids[start : start + num_steps]
            following = ids[start + 1 : start + 1 + num_steps]
            targets[row] = keras.utils.to_categorical(following, num_classes=vocabulary_size)
            start += num_steps
        yield inputs, targets


def prepare(settings: dict[str, Any]) -> tuple[dict[str, Any], Run]:
    """Build the model, and a generator over random words."""
    model, batching = settings["model"], settings["batching"]
    vocabulary_size, num_steps = model["vocabulary_size"], batching["num_steps"]
    network = build(model, num_steps)
    ids = np.random.default_rng(0).integers(vocabulary_size, size=_WINDOWS_OF_TEXT * num_steps, dtype=np.int32)
    generator = batches(ids, vocabulary_size, batching["batch_size"], num_steps)

    def run(steps: int) -> dict[str, list[float]]:
        timer = StepTimer()
        network.fit(generator, steps_per_epoch=steps, shuffle=False, verbose=0, callbacks=[timer])
        return {"step": timer.seconds}

    return describe(network, "float32"), run


if __name__ == "__main__":
    serve(prepare)
