"""The tutorial's program, on Keras 3 and JAX, for as long as the time lasts.

Model, one-hot targets and successive windows are those of `tutorial.py`. The last weights count, as the program keeps
no other. It is judged by two methods: by its own windows, each of which begins with a state of zeros, and as a stream
whose state is carried from the first token to the last.
"""

import platform
from typing import Any

import jax
import keras
import numpy as np
from numpy.typing import NDArray

from quality_protocol import Clock, Ids, Outcome, Say, Task, compete, shifted
from tutorial import batches, build

_MODEL = {"embedding_size": 500, "hidden_sizes": [500, 500], "output_dropout_rate": 0.5}
_WINDOWS = {"batch_size": 20, "num_steps": 30, "epochs": 40}

Logits = NDArray[Any]
State = list[NDArray[Any]]


class UntilOver(keras.callbacks.Callback):
    """Ends an epoch when the time is over, and counts the tokens."""

    def __init__(self, clock: Clock, tokens_per_step: int) -> None:
        super().__init__()
        self.clock, self.tokens_per_step = clock, tokens_per_step
        self.tokens = 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002  # the names are Keras's
        """Check the clock."""
        self.tokens += self.tokens_per_step
        if self.clock.over:
            self.model.stop_training = True


class Reader:
    """The trained layers with the state as an argument and a result, which the tutorial's model hides."""

    def __init__(self, network: Any, recipe: dict[str, Any]) -> None:
        self._sizes = recipe["hidden_sizes"]
        layers = keras.layers
        embedding, *lstms, _dropout, projection, _softmax = network.layers
        tokens = layers.Input((None,), dtype="int32")
        before = [layers.Input((size,)) for size in self._sizes for _ in range(2)]
        hidden, after = embedding(tokens), []
        for index, trained in enumerate(lstms):
            lstm = layers.LSTM(self._sizes[index], return_sequences=True, return_state=True)
            hidden, *state = lstm(hidden, initial_state=before[2 * index : 2 * index + 2])
            lstm.set_weights(trained.get_weights())
            after += state
        self._model = keras.Model([tokens, *before], [projection.layer(hidden), *after])

    def start(self, batch_size: int) -> State:
        """Return the state of zeros."""
        return [np.zeros((batch_size, size), np.float32) for size in self._sizes for _ in range(2)]

    def read(self, tokens: Ids, state: State) -> tuple[Logits, State]:
        """Return the logits `(B, T, V)` of tokens `(B, T)`, and the state after the last of them."""
        logits, *state = self._model.predict_on_batch([tokens, *state])
        return logits, state


def total_loss(logits: Logits, targets: Ids) -> float:
    """Return the sum of -ln p of targets `(B, T)`."""
    highest = logits.max(-1, keepdims=True)
    normalizer = np.log(np.exp(logits - highest).sum(-1, dtype=np.float64)) + highest[..., 0]
    chosen = np.take_along_axis(logits, targets[..., None], -1)[..., 0]
    return float((normalizer - chosen).sum(dtype=np.float64))


def loss_in_windows(reader: Reader, inputs: Ids, targets: Ids, batch_size: int, num_steps: int) -> float:
    """Return the sum of -ln p, each window read from a state of zeros; the last one may be shorter."""
    whole = len(inputs) // num_steps * num_steps
    pairs = [
        (inputs[:whole].reshape(-1, num_steps), targets[:whole].reshape(-1, num_steps)),
        (inputs[None, whole:], targets[None, whole:]),
    ]
    total = 0.0
    for windows, following in pairs:
        for first in range(0, len(windows) if windows.size else 0, batch_size):
            rows = windows[first : first + batch_size]
            logits, _ = reader.read(rows, reader.start(len(rows)))
            total += total_loss(logits, following[first : first + batch_size])
    return total


def loss_as_stream(reader: Reader, inputs: Ids, targets: Ids, num_steps: int) -> float:
    """Return the sum of -ln p, with the state carried from the first token to the last."""
    state, total = reader.start(1), 0.0
    for start in range(0, len(inputs), num_steps):
        window = slice(start, start + num_steps)
        logits, state = reader.read(inputs[None, window], state)
        total += total_loss(logits, targets[None, window])
    return total


def train(task: Task, say: Say) -> Outcome:
    """Train until the time is over."""
    task.require_known(*_MODEL, *_WINDOWS)
    clock = task.start_clock()
    keras.utils.set_random_seed(task.seed)
    recipe = {**_MODEL, **_WINDOWS, **task.recipe}
    rows, num_steps = recipe["batch_size"], recipe["num_steps"]
    network = build({**recipe, "vocabulary_size": task.vocabulary_size}, num_steps)
    until = UntilOver(clock, rows * num_steps)
    ids, valid = (task.split(name).astype(np.int32) for name in ("train", "valid"))
    training, validation = (batches(split, task.vocabulary_size, rows, num_steps) for split in (ids, valid))
    for _ in range(recipe["epochs"]):
        steps = max(1, len(ids) // (rows * num_steps))
        network.fit(training, steps_per_epoch=steps, shuffle=False, verbose=0, callbacks=[until])
        if clock.over:
            break
        loss, _accuracy = network.evaluate(validation, steps=max(1, len(valid) // (rows * num_steps)), verbose=0)
        say({"seconds": clock.seconds, "tokens": until.tokens, "valid_perplexity": float(np.exp(loss))})
    seconds, reader = clock.seconds, Reader(network, recipe)

    def evaluate(split: Ids) -> dict[str, float]:
        inputs = shifted(split, task.end_id)
        return {
            f"windows of {num_steps}": loss_in_windows(reader, inputs, split, rows, num_steps),
            "stream": loss_as_stream(reader, inputs, split, rows * num_steps),
        }

    return Outcome(
        parameters=network.count_params(),
        tokens=until.tokens,
        seconds=seconds,
        evaluate=evaluate,
        dtype="float32",
        versions={"python": platform.python_version(), "keras": keras.__version__, "jax": jax.__version__},
        recipe=recipe,
    )


if __name__ == "__main__":
    compete(train)
