"""Capturing and restoring a model in training."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from nextword.errors import CheckpointError
from nextword.model.architecture import Architecture
from nextword.model.language_model import LanguageModel
from nextword.text.batching.window import Streams
from nextword.training.checkpoint_store import Arrays
from nextword.training.step.step import RoundDataset
from nextword.training.step.stream_model import StreamModel, capture, fingerprint, restore
from support.arrays import assert_equal_to_the_bit

BATCH_SIZE, ROUND_STEPS = 4, 6
IDS = np.random.default_rng(0).integers(0, 20, 400).astype(np.int32)
ARCHITECTURE = Architecture(
    vocabulary_size=20, embedding_size=8, hidden_sizes=(6, 8), input_dropout_rate=0.3, output_dropout_rate=0.3
)
OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "adam": lambda: keras.optimizers.Adam(0.01),
    "sgd": lambda: keras.optimizers.SGD(0.5),
}


def make_stream(seed: int, optimizer: str = "adam", architecture: Architecture = ARCHITECTURE) -> StreamModel:
    stream = StreamModel(LanguageModel(architecture, seed=seed), batch_size=BATCH_SIZE)
    stream.compile(optimizer=OPTIMIZERS[optimizer]())
    stream.optimizer.build(stream.trainable_variables)
    return stream


def train(stream: StreamModel, round_number: int) -> None:
    streams = Streams(IDS, batch_size=BATCH_SIZE, num_steps=5, first_input=0)
    dataset = RoundDataset(streams, range(round_number * ROUND_STEPS, (round_number + 1) * ROUND_STEPS))
    stream.fit(dataset, validation_data=dataset, shuffle=False, verbose=0)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_restored_model_trains_bit_identically(optimizer: str) -> None:
    original, other = make_stream(1, optimizer), make_stream(2, optimizer)
    train(original, 0)
    train(other, 3)
    captured = {name: array.copy() for name, array in capture(original).items()}
    restore(other, captured)
    assert_equal_to_the_bit(capture(other), captured)
    train(original, 1)
    train(other, 1)
    assert_equal_to_the_bit(capture(other), capture(original))


def changed_by_training(optimizer: str) -> set[str]:
    stream = make_stream(1, optimizer)
    before = {name: array.copy() for name, array in capture(stream).items()}
    train(stream, 0)
    return {name for name, array in capture(stream).items() if not np.array_equal(array, before[name])}


@pytest.mark.parametrize(("optimizer", "num_of_optimizer"), [("adam", 1 + 2 * 9), ("sgd", 1)])
def test_weights_carried_states_dropout_seeds_and_optimizer_are_all_captured(
    optimizer: str, num_of_optimizer: int
) -> None:
    changed = changed_by_training(optimizer)
    kinds = sorted(name.split("/", 2)[-1] for name in changed if name.startswith("model/"))
    weights = ["bias"] * 3 + ["embeddings"] + ["kernel"] * 3 + ["recurrent_kernel"] * 2
    carried = ["cell_0", "cell_1", "hidden_0", "hidden_1"] * 2
    assert kinds == sorted([*weights, *carried, *["seed_generator_state"] * 2])
    assert len([name for name in changed if name.startswith("optimizer/")]) == num_of_optimizer


def test_a_capture_does_not_change_during_further_training() -> None:
    stream = make_stream(1)
    train(stream, 0)
    captured = capture(stream)
    copied = {name: array.copy() for name, array in captured.items()}
    train(stream, 1)
    assert_equal_to_the_bit(captured, copied)


def without(name: str) -> Callable[[Arrays], Arrays]:
    return lambda arrays: {key: array for key, array in arrays.items() if key != name}


def with_array(name: str, array: NDArray[Any]) -> Callable[[Arrays], Arrays]:
    return lambda arrays: {**arrays, name: array}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("model/000/embeddings"), "`model/000/embeddings` is not in the checkpoint"),
        (without("optimizer/000"), "`optimizer/000` is not in the checkpoint"),
        (with_array("optimizer/099", np.zeros(1)), "`optimizer/099` is not in the model"),
        (
            with_array("model/000/embeddings", np.zeros((21, 8))),
            r"`model/000/embeddings` is \(21, 8\) in the checkpoint and \(20, 8\) in the model",
        ),
    ],
)
def test_arrays_that_do_not_fit_are_named_and_change_nothing(change: Callable[[Arrays], Arrays], message: str) -> None:
    stream = make_stream(1)
    before = {name: array.copy() for name, array in capture(stream).items()}
    with pytest.raises(CheckpointError, match=message):
        restore(stream, change({name: array + 1 for name, array in before.items()}))
    assert_equal_to_the_bit(capture(stream), before)


def test_the_fingerprint_names_versions_and_hardware() -> None:
    found = fingerprint()
    assert {"keras", "jax", "jaxlib", "numpy", "machine", "processors"} <= found.keys()
    assert found == fingerprint()
