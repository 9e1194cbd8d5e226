from collections import Counter, defaultdict
from typing import Any, Literal

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from nextword.model.architecture import Architecture
from nextword.model.language_model import LanguageModel
from nextword.text.batching.window import Streams, SuccessiveWindows, Window, Windows
from nextword.training.options import TrainingOptions
from nextword.training.step.candidate_sampler import CandidateSampler
from nextword.training.step.step import RoundDataset, as_batch
from nextword.training.step.stream_model import StreamModel

BATCH_SIZE, NUM_STEPS, VOCABULARY_SIZE = 4, 5, 20
ARCHITECTURE = Architecture(
    vocabulary_size=VOCABULARY_SIZE, embedding_size=8, hidden_sizes=(12, 8), forget_bias=3.0, initializer_scale=1.0
)


class RandomWindows(Windows):
    """Windows of random ids with some row resets and some targets of weight 0."""

    batch_size, num_steps, steps_per_epoch = BATCH_SIZE, NUM_STEPS, 9

    def window(self, step: int) -> Window:
        random = np.random.default_rng(step % self.steps_per_epoch)
        tokens = random.integers(0, VOCABULARY_SIZE, (self.batch_size, self.num_steps + 1)).astype(np.int32)
        weights = (random.random((self.batch_size, self.num_steps)) < 0.7).astype(np.float32)
        return Window(tokens[:, :-1], tokens[:, 1:], weights, random.random(self.batch_size) < 0.3)


def all_windows(windows: Windows) -> list[Window]:
    return [windows.window(step) for step in range(windows.steps_per_epoch)]


def frozen(model: LanguageModel, loss: Literal["mean", "sum_over_time"] = "mean") -> StreamModel:
    """A model in training with a learning rate of zero."""
    stream = StreamModel(model, TrainingOptions(loss=loss), batch_size=BATCH_SIZE)
    stream.compile(optimizer=keras.optimizers.SGD(0.0))
    return stream


def carried(state: Any) -> list[NDArray[np.float32]]:
    return [np.asarray(weight.value) for weight in state.weights]


def run_by_hand(model: LanguageModel, windows: Windows) -> tuple[list[NDArray[np.float64]], list[NDArray[np.float32]]]:
    """The logits of each window, and the last state: hidden states of all layers, then cell states."""
    state = model.initial_state(windows.batch_size)
    logits = []
    for window in all_windows(windows):
        keep = (~window.reset).astype(np.float32)[:, None]
        state = keras.tree.map_structure(lambda array, keep=keep: array * keep, state)
        window_logits, state = model(window.inputs, state)
        logits.append(np.asarray(window_logits, np.float64))
    return logits, [np.asarray(array) for arrays in zip(*state, strict=True) for array in arrays]


def negative_log_likelihoods(logits: NDArray[np.float64], targets: NDArray[np.int32]) -> NDArray[np.float64]:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    of_target = np.take_along_axis(shifted, targets[..., None], axis=-1)[..., 0]
    losses: NDArray[np.float64] = np.log(np.exp(shifted).sum(axis=-1)) - of_target
    return losses


def figures_by_hand(logits: list[NDArray[np.float64]], windows: Windows) -> tuple[float, float]:
    """Perplexity and accuracy over the counted targets of all windows."""
    losses, hits = [], []
    for window, window_logits in zip(all_windows(windows), logits, strict=True):
        counted = window.weights == 1
        losses.append(negative_log_likelihoods(window_logits, window.targets)[counted])
        hits.append((window_logits.argmax(axis=-1) == window.targets)[counted])
    return float(np.exp(np.concatenate(losses).mean())), float(np.concatenate(hits).mean())


# The carried state.


def test_fit_carries_the_same_state_as_a_manual_loop() -> None:
    model, windows = LanguageModel(ARCHITECTURE), RandomWindows()
    stream = frozen(model)
    stream.fit(RoundDataset(windows, range(windows.steps_per_epoch)), shuffle=False, verbose=0)
    for ours, expected in zip(carried(stream.train_state), run_by_hand(model, windows)[1], strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-6)
        assert np.abs(expected).max() > 0.01


def test_validation_has_its_own_state() -> None:
    model, windows = LanguageModel(ARCHITECTURE), RandomWindows()
    stream = frozen(model)
    dataset = RoundDataset(windows, range(5))
    stream.fit(dataset, shuffle=False, verbose=0)
    before = carried(stream.train_state)
    stream.evaluate(RoundDataset(windows, range(windows.steps_per_epoch)), verbose=0)
    for ours, expected in zip(carried(stream.train_state), before, strict=True):
        np.testing.assert_array_equal(ours, expected)
    for ours, expected in zip(carried(stream.valid_state), run_by_hand(model, windows)[1], strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-6)


def test_validation_may_have_another_number_of_rows() -> None:
    stream = StreamModel(LanguageModel(ARCHITECTURE), batch_size=BATCH_SIZE, valid_batch_size=2)
    stream.compile(optimizer=keras.optimizers.SGD(0.0))
    ids = np.arange(40, dtype=np.int32) % VOCABULARY_SIZE
    train = Streams(ids, batch_size=BATCH_SIZE, num_steps=NUM_STEPS, first_input=0)
    valid = Streams(ids, batch_size=2, num_steps=NUM_STEPS, first_input=0)
    stream.fit(RoundDataset(train, range(2)), validation_data=RoundDataset(valid, range(4)), shuffle=False, verbose=0)
    assert [weights.shape[0] for weights in carried(stream.train_state)] == [BATCH_SIZE] * 4
    assert [weights.shape[0] for weights in carried(stream.valid_state)] == [2] * 4


# A text that only a state carried beyond a window can predict.

NUM_MODES, PERIOD, LONG_WINDOW = 4, 5, 7


def text_of_modes(num_blocks: int) -> NDArray[np.int32]:
    """Blocks of eight periods `m f g h i`; `m` is a random mode of the block, and the rest is fixed.

    A window of seven steps does not always hold the `m` before the one to be predicted, and never the one before that.
    """
    modes = np.random.default_rng(0).integers(0, NUM_MODES, num_blocks)
    rest = range(NUM_MODES, NUM_MODES + PERIOD - 1)
    return np.array([token for mode in modes for _ in range(8) for token in (mode, *rest)], np.int32)


def floor_without_memory(windows: Windows) -> float:
    """The lowest perplexity over these windows of any function of the left context within the window.

    Such a function gives one distribution to all targets that have the same left side, and none does better on them
    than their own frequencies.
    """
    targets: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
    for window in all_windows(windows):
        for row, step in zip(*np.nonzero(window.weights), strict=True):
            targets[tuple(window.inputs[row, : step + 1])][int(window.targets[row, step])] += 1
    losses = [-count * np.log(count / counts.total()) for counts in targets.values() for count in counts.values()]
    return float(np.exp(sum(losses) / sum(counts.total() for counts in targets.values())))


def perplexity_after_training(windows: Windows) -> float:
    architecture = Architecture(
        vocabulary_size=NUM_MODES + PERIOD, embedding_size=16, hidden_sizes=(32,), initializer_scale=1.0
    )
    stream = StreamModel(LanguageModel(architecture), batch_size=windows.batch_size)
    stream.compile(optimizer=keras.optimizers.Adam(0.02))
    dataset = RoundDataset(windows, range(windows.steps_per_epoch))
    stream.fit(dataset, epochs=16, shuffle=False, verbose=0)
    return float(stream.evaluate(dataset, verbose=0, return_dict=True)["perplexity"])


def test_dependencies_beyond_the_window_are_learned_with_streams() -> None:
    windows = Streams(text_of_modes(200), batch_size=16, num_steps=LONG_WINDOW, first_input=NUM_MODES)
    floor = floor_without_memory(windows)
    assert floor > 1.2
    assert np.log(perplexity_after_training(windows)) < 0.6 * np.log(floor)


def test_dependencies_beyond_the_window_are_not_learned_with_successive_windows() -> None:
    windows = SuccessiveWindows(text_of_modes(200), batch_size=16, num_steps=LONG_WINDOW, skip_step=LONG_WINDOW)
    floor = floor_without_memory(windows)
    assert 0.999 * floor < perplexity_after_training(windows) < 1.03 * floor


# Loss and metrics.


def loss_of(stream: StreamModel, window: Window) -> float:
    inputs, targets, weights = as_batch(window)
    return float(stream.compute_loss(inputs, targets, stream(inputs), weights, training=False))


def test_the_loss_is_the_mean_of_weighted_targets_or_summed_over_time_and_averaged_over_rows() -> None:
    model, window = LanguageModel(ARCHITECTURE), RandomWindows().window(0)
    assert 0 < window.weights.sum() < window.weights.size
    losses = negative_log_likelihoods(np.asarray(model(window.inputs)[0], np.float64), window.targets) * window.weights
    assert loss_of(frozen(model), window) == pytest.approx(losses.sum() / window.weights.sum(), rel=1e-5)
    assert loss_of(frozen(model, "sum_over_time"), window) == pytest.approx(losses.sum() / BATCH_SIZE, rel=1e-5)


def test_a_window_of_only_padding_has_no_loss() -> None:
    window = RandomWindows().window(0)
    assert loss_of(frozen(LanguageModel(ARCHITECTURE)), window._replace(weights=np.zeros_like(window.weights))) == 0.0


@pytest.mark.parametrize("loss", ["mean", "sum_over_time"])
def test_perplexity_and_accuracy_are_those_of_the_logits(loss: Literal["mean", "sum_over_time"]) -> None:
    model, windows = LanguageModel(ARCHITECTURE), RandomWindows()
    perplexity, accuracy = figures_by_hand(run_by_hand(model, windows)[0], windows)
    stream = frozen(model, loss)
    dataset = RoundDataset(windows, range(windows.steps_per_epoch))
    trained = stream.fit(dataset, validation_data=dataset, shuffle=False, verbose=0).history
    for prefix in ("", "val_"):
        assert trained[f"{prefix}perplexity"] == pytest.approx([perplexity], rel=1e-5)
        assert trained[f"{prefix}accuracy"] == pytest.approx([accuracy], rel=1e-6)


def test_unknown_words_do_not_count_as_right() -> None:
    model, windows = LanguageModel(ARCHITECTURE), RandomWindows()
    dataset = RoundDataset(windows, range(3))
    accuracies = []
    for unknown_id in (None, *range(ARCHITECTURE.vocabulary_size)):
        stream = frozen(model)
        stream.unknown_id = unknown_id
        accuracies.append(stream.evaluate(dataset, verbose=0, return_dict=True)["accuracy"])
    all_right, *without = accuracies
    assert all_right > 0
    assert sum(all_right - accuracy for accuracy in without) == pytest.approx(all_right, abs=1e-5)


def test_random_numbers_in_the_loss_differ_in_every_training_step() -> None:
    sampler = CandidateSampler(np.arange(VOCABULARY_SIZE), 6)
    model = LanguageModel(ARCHITECTURE)
    stream = StreamModel(model, batch_size=BATCH_SIZE, sampler=sampler)
    stream.compile(optimizer=keras.optimizers.SGD(0.0))
    generator = sampler.seed_generator
    states = []
    for _ in range(3):
        stream.fit(RoundDataset(RandomWindows(), range(1)), shuffle=False, verbose=0)
        states.append(np.asarray(generator.state.value).tolist())
    stream.evaluate(RoundDataset(RandomWindows(), range(1)), verbose=0)
    assert len({tuple(state) for state in states}) == 3
    assert np.asarray(generator.state.value).tolist() == states[-1]
