"""The same model in stock Keras layers on JAX, with integer targets, as a Keras user would write it today.

It begins every window with a state of zeros: `LSTM(stateful=True)` carries nothing in `fit` on JAX.
"""

from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from keras_steps import StepTimer, describe
from peer_protocol import Run, serve

_NUM_BATCHES = 100

Ids = NDArray[np.int32]


class StockModel(keras.Model):
    """Embedding, LSTM layers and a projection that may share the embedding's weights, with dropout between them."""

    def __init__(self, model: dict[str, Any]) -> None:
        super().__init__()
        self.embedding = layers.Embedding(model["vocabulary_size"], model["embedding_size"])
        self.lstms = [layers.LSTM(hidden_size, return_sequences=True) for hidden_size in model["hidden_sizes"]]
        between = [model["hidden_dropout_rate"]] * (len(self.lstms) - 1)
        rates = [model["input_dropout_rate"], *between, model["output_dropout_rate"]]
        self.dropouts = [layers.Dropout(rate) for rate in rates]
        self.tied = model["tied"]
        if self.tied:
            self.bias = self.add_weight(shape=(model["vocabulary_size"],), initializer="zeros")
        else:
            self.projection = layers.Dense(model["vocabulary_size"])

    def call(self, tokens: Any, training: bool = False) -> Any:
        """Return the logits `(B, T, V)`."""
        hidden = self.dropouts[0](self.embedding(tokens), training=training)
        for lstm, dropout in zip(self.lstms, self.dropouts[1:], strict=True):
            hidden = dropout(lstm(hidden), training=training)
        if self.tied:
            return ops.matmul(hidden, ops.transpose(self.embedding.embeddings)) + self.bias
        return self.projection(hidden)


class RandomBatches(keras.utils.PyDataset):
    """Batches of random words, one window after the other."""

    def __init__(self, ids: Ids, steps: int) -> None:
        super().__init__()
        self._ids = ids
        self._steps = steps

    def __len__(self) -> int:
        """Return the number of batches."""
        return self._steps

    def __getitem__(self, index: int) -> tuple[Ids, Ids]:
        """Return inputs and targets `(B, T)`."""
        window = self._ids[index % len(self._ids)]
        return window[:, :-1], window[:, 1:]


def prepare(settings: dict[str, Any]) -> tuple[dict[str, Any], Run]:
    """Build and compile the model, and make random data."""
    model, batching = settings["model"], settings["batching"]
    network = StockModel(model)
    network.compile(
        optimizer=keras.optimizers.Adam(), loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    shape = (_NUM_BATCHES, batching["batch_size"], batching["num_steps"] + 1)
    ids = np.random.default_rng(0).integers(model["vocabulary_size"], size=shape, dtype=np.int32)
    network(ids[0, :, :-1])  # creates the weights, which are counted before the first step

    def run(steps: int) -> dict[str, list[float]]:
        timer = StepTimer()
        network.fit(RandomBatches(ids, steps), shuffle=False, verbose=0, callbacks=[timer])
        return {"step": timer.seconds}

    return describe(network, "float32"), run


if __name__ == "__main__":
    serve(prepare)
