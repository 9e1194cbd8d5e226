"""Shared masks, expectations and inactive prediction of the dropouts."""

from typing import Any

import numpy as np
import pytest

from nextword.model.architecture import Architecture
from nextword.model.language_model import LanguageModel
from nextword.model.layers.dropout import EmbeddingDropout
from nextword.model.layers.recurrence import LSTM
from nextword.model.ops.lstm import LSTMState
from nextword.model.recurrent_stack import RecurrentStack
from support.references import lstm_reference

SIZES: dict[str, Any] = {"vocabulary_size": 11, "embedding_size": 40, "hidden_sizes": (40, 40)}


def test_a_word_is_dropped_at_all_its_positions() -> None:
    tokens = np.random.default_rng(0).integers(200, size=(3, 400)).astype(np.int32)
    kept = np.asarray(EmbeddingDropout(200, 0.3, seed=1)(np.ones((3, 400, 2), np.float32), tokens, training=True))
    by_word = {word: set(kept[tokens == word].ravel().tolist()) for word in np.unique(tokens)}
    assert all(len(values) == 1 for values in by_word.values())
    dropped = np.mean([values == {0.0} for values in by_word.values()])
    assert dropped == pytest.approx(0.3, abs=0.12)
    assert kept.max() == pytest.approx(1 / 0.7)


def test_other_words_are_dropped_in_the_next_window() -> None:
    layer, tokens = EmbeddingDropout(50, 0.5, seed=1), np.arange(50, dtype=np.int32)[None]
    one, other = (np.asarray(layer(np.ones((1, 50, 1), np.float32), tokens, training=True)) for _ in range(2))
    assert not np.array_equal(one, other)


def test_words_are_dropped_from_the_input_and_never_from_the_output() -> None:
    model = LanguageModel(
        Architecture(vocabulary_size=30, embedding_size=8, hidden_sizes=(8,), tied=True, embedding_dropout_rate=0.9)
    )
    tokens = np.arange(30, dtype=np.int32)[None]
    dropped, _ = model.hidden_states(tokens, training=True)
    hidden, _ = model.hidden_states(tokens)
    assert not np.allclose(dropped, hidden)
    ones = np.ones((1, 30), np.float32)
    in_training, in_prediction = (
        model.token_losses(hidden, tokens, ones, training=training).negative_log_likelihood
        for training in (True, False)
    )
    np.testing.assert_allclose(in_training, in_prediction, atol=1e-5)


def test_only_recurrent_weights_are_dropped() -> None:
    inputs = np.random.default_rng(0).normal(size=(2, 5, 3)).astype(np.float32)
    layer = LSTM(8, weight_drop_rate=0.5)
    state = layer.initial_state(2)
    plain, _ = layer(inputs, state)
    dropped, _ = layer(inputs, state, training=True)
    # Recurrent weights cannot affect the first step, whose hidden state is zero.
    np.testing.assert_allclose(dropped[:, 0], plain[:, 0], atol=1e-6)
    assert not np.allclose(dropped[:, 1], plain[:, 1], atol=1e-6)


def test_the_same_weights_are_dropped_in_all_steps_of_a_window() -> None:
    inputs = np.random.default_rng(0).normal(size=(2, 6, 3)).astype(np.float32)
    layer, twin = LSTM(8, weight_drop_rate=0.5, name="lstm"), LSTM(8, weight_drop_rate=0.5, name="lstm")
    outputs, _ = layer(inputs, layer.initial_state(2), training=True)
    twin.build(inputs.shape)
    kernel = twin.weight_drop(twin.recurrent_kernel, training=True)  # the same seed draws the same mask
    zeros = np.zeros((2, 8), np.float32)
    expected, _ = lstm_reference(
        inputs, LSTMState(zeros, zeros), kernel=twin.kernel, recurrent_kernel=kernel, bias=twin.bias
    )
    np.testing.assert_allclose(outputs, expected, atol=1e-5)


@pytest.mark.parametrize("place", [0, 1, 2], ids=["input", "hidden", "output"])
@pytest.mark.parametrize("locked", [False, True])
def test_a_locked_dropout_has_one_mask_for_all_steps(place: int, locked: bool) -> None:
    rates: dict[str, Any] = {f"{name}_dropout_rate": 0.5 for name in ("input", "hidden", "output")}
    stack = RecurrentStack(Architecture(**SIZES, **rates, locked_dropout=locked))
    mask = np.asarray(stack.dropouts[place](np.ones((4, 30, 40), np.float32), training=True))
    assert np.all(mask == mask[:, :1]) == locked
    assert not np.all(mask[0] == mask[1])  # rows have different masks
    assert (mask == 0).mean() == pytest.approx(0.5, abs=0.15)
