from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from nextword.errors import SettingError
from nextword.model.architecture import Architecture
from nextword.model.language_model import LanguageModel
from support.random_weights import random_weights

BOTH = pytest.mark.parametrize("tied", [False, True], ids=["free", "tied"])


def architecture(*, tied: bool = False, **changes: Any) -> Architecture:
    sizes = {"vocabulary_size": 11, "embedding_size": 6, "hidden_sizes": (5, 6)}
    return Architecture(**{**sizes, "tied": tied, **changes})


def trained(*, tied: bool = False, seed: int = 0, **changes: Any) -> LanguageModel:
    """Return a model with large weights and non-zero biases, whose predictions are far from uniform."""
    model = LanguageModel(architecture(tied=tied, **changes), seed=seed)
    model.set_named_weights(random_weights(model.architecture))
    return model


def tokens(batch_size: int = 2, num_steps: int = 8) -> Any:
    return np.random.default_rng(2).integers(11, size=(batch_size, num_steps), dtype=np.int32)


def assert_near(ours: Any, theirs: Any, tolerance: float = 1e-5) -> None:
    keras.tree.assert_same_structure(ours, theirs)
    for one, other in zip(keras.tree.flatten(ours), keras.tree.flatten(theirs), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance)


@BOTH
def test_every_output_counts_its_parameters_gives_its_losses_and_is_saved(tied: bool, tmp_path: Path) -> None:
    model, targets = trained(seed=4, hidden_dropout_rate=0.25, tied=tied), np.roll(tokens(), -1, axis=1)
    shapes = model.architecture.weight_shapes()
    assert model.architecture.num_parameters == model.count_params()
    assert {name: array.shape for name, array in model.named_weights().items()} == shapes
    assert len(model.trainable_weights) == len(shapes)

    weights = np.random.default_rng(3).integers(2, size=(2, 8)).astype(np.float32)
    logits = np.asarray(model(tokens())[0], np.float64)
    log_probs = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    of_targets = np.take_along_axis(log_probs, targets[..., None], axis=-1)[..., 0]
    hidden, _ = model.hidden_states(tokens())
    losses = model.token_losses(hidden, targets, weights, ranks=True)
    assert_near(losses.negative_log_likelihood, -of_targets.ravel())
    assert_near(losses.total, -(of_targets * weights).sum(), tolerance=1e-4)
    np.testing.assert_array_equal(losses.rank, 1 + (log_probs > of_targets[..., None]).sum(axis=-1).ravel())

    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(again, LanguageModel)
    assert (again.architecture, again.seed) == (model.architecture, 4)
    assert_near(again(tokens()), model(tokens()), tolerance=0)


@BOTH
def test_eight_tokens_at_once_equal_five_and_then_three(tied: bool) -> None:
    model = trained(tied=tied)
    logits, state = model(tokens())
    first, between = model(tokens()[:, :5])
    second, after = model(tokens()[:, 5:], between)
    assert_near(np.concatenate((first, second), axis=1), logits)
    assert_near(after, state)
    forgotten, _ = model(tokens()[:, 5:])
    assert not np.allclose(forgotten, logits[:, 5:], atol=1e-2)


@BOTH
def test_the_tied_kernel_is_the_embedding(tied: bool) -> None:
    model = trained(tied=tied)
    before = model(tokens())[0]
    embeddings = np.asarray(model.embedding.embeddings.value).copy()
    unseen = int(np.setdiff1d(np.arange(11), tokens())[0])
    embeddings[unseen] += 1
    model.embedding.embeddings.assign(embeddings)
    changed = np.abs(np.asarray(model(tokens())[0]) - before).max(axis=(0, 1)) > 1e-6
    assert changed.tolist() == [tied and token == unseen for token in range(11)]


def test_dropout_is_off_at_prediction() -> None:
    kinds = ("input_dropout", "hidden_dropout", "output_dropout", "embedding_dropout", "weight_drop")
    rates: dict[str, Any] = {f"{kind}_rate": 0.5 for kind in kinds}
    expected, model = trained()(tokens()), trained(**rates)
    assert_near(model(tokens()), expected, tolerance=0)
    assert_near(model(tokens(), training=False), expected, tolerance=0)
    assert not np.allclose(model(tokens(), training=True)[0], expected[0], atol=1e-2)


def test_the_lower_precision_is_only_for_training() -> None:
    exact, coarse = (LanguageModel(architecture(), compute_dtype=dtype) for dtype in ("float32", "bfloat16"))
    assert_near(coarse(tokens()), exact(tokens()), tolerance=0)
    assert not np.array_equal(coarse(tokens(), training=True)[0], exact(tokens(), training=True)[0])


@BOTH
def test_named_weights_restore_the_model(tied: bool) -> None:
    model, other = trained(tied=tied), LanguageModel(architecture(tied=tied), seed=9)
    assert not np.allclose(other(tokens())[0], model(tokens())[0], atol=1e-2)
    other.set_named_weights(model.named_weights())
    assert_near(other(tokens()), model(tokens()), tolerance=0)
    assert_near(other.named_weights(), model.named_weights(), tolerance=0)


@pytest.mark.parametrize("change", ["missing", "unknown"])
def test_weights_with_wrong_names_are_refused_and_change_nothing(change: str) -> None:
    model = trained()
    weights = {name: array + 1 for name, array in model.named_weights().items()}
    if change == "missing":
        del weights["lstm_1/bias"]
    else:
        weights["lstm_2/bias"] = weights["lstm_1/bias"]
    before = model.named_weights()
    with pytest.raises(SettingError, match=r"the weights must be named .*use the architecture"):
        model.set_named_weights(weights)
    assert_near(model.named_weights(), before, tolerance=0)


def test_a_preset_is_overridden_field_by_field() -> None:
    model = LanguageModel.from_preset(
        "small", vocabulary_size=9, seed=2, settings={"embedding_size": 3, "hidden_sizes": (4,)}
    )
    assert model.architecture == Architecture(
        vocabulary_size=9,
        embedding_size=3,
        hidden_sizes=(4,),
        forget_bias=0.0,
        initializer="uniform",
        initializer_scale=0.1,
    )
    assert model.seed == 2


def test_keras_trains_it_by_compile_and_fit() -> None:
    model = LanguageModel(Architecture(vocabulary_size=7, embedding_size=8, hidden_sizes=(8,)))
    model.compile(optimizer=keras.optimizers.Adam(0.02), metrics=["accuracy"])
    tokens = np.tile(np.arange(7, dtype=np.int32), (8, 1))
    inputs, targets = tokens[:, :-1], tokens[:, 1:]
    expected = model.token_losses(model.hidden_states(inputs)[0], targets, np.ones(targets.shape)).total / targets.size
    found = model.evaluate(inputs, targets, verbose=0, return_dict=True)
    assert found["loss"] == pytest.approx(float(expected), rel=1e-5)
    stop = keras.callbacks.EarlyStopping("accuracy", mode="max", patience=40)
    history = model.fit(inputs, targets, epochs=40, callbacks=[stop], verbose=0).history
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert history["accuracy"][-1] == 1.0


def test_keras_weights_count_in_the_loss() -> None:
    model = LanguageModel(Architecture(vocabulary_size=7, embedding_size=4, hidden_sizes=(4,)))
    model.compile(optimizer="sgd")
    tokens = np.tile(np.arange(7, dtype=np.int32), (2, 1))
    first = np.zeros((2, 6), np.float32)
    first[0] = 1.0
    weighted = model.evaluate(tokens[:, :-1], tokens[:, 1:], sample_weight=first, verbose=0)
    alone = model.evaluate(tokens[:1, :-1], tokens[:1, 1:], verbose=0)
    assert weighted == pytest.approx(alone, rel=1e-5)


def test_keras_weights_of_rows_count_in_all_their_steps() -> None:
    model = LanguageModel(Architecture(vocabulary_size=7, embedding_size=4, hidden_sizes=(4,)))
    model.compile(optimizer="sgd")
    tokens = np.random.default_rng(0).integers(7, size=(6, 7), dtype=np.int32)
    for rows in (6, 3):  # as many as steps, and fewer
        inputs, targets = tokens[:rows, :-1], tokens[:rows, 1:]
        first = np.eye(1, rows, dtype=np.float32)[0]
        weighted = model.evaluate(inputs, targets, sample_weight=first, batch_size=6, verbose=0)
        assert weighted == pytest.approx(model.evaluate(inputs[:1], targets[:1], verbose=0), rel=1e-5)
        small = model.evaluate(inputs, targets, sample_weight=np.full(rows, 0.01), batch_size=6, verbose=0)
        assert small == pytest.approx(model.evaluate(inputs, targets, batch_size=6, verbose=0), rel=1e-5)
