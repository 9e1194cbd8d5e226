"""The adaptive softmax matches its formula in float64 NumPy."""

from functools import cache, partial
from typing import Any

import jax
import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from nextword.model.layers import adaptive_projection
from nextword.model.layers.adaptive_projection import AdaptiveProjection
from nextword.model.layers.output_projection import TokenBatch
from nextword.model.ops import cross_entropy_jax
from nextword.model.ops.cross_entropy import TokenLosses, linear_cross_entropy, linear_cross_entropy_reference
from support.arrays import slopes
from support.compiled_memory import temporary_bytes

Floats = NDArray[np.float64]
Weights = dict[str, Floats]

V, H, CUTOFFS, WIDTHS = 9, 4, (3, 5, 8), (3, 2, 1)
TARGETS = np.array([0, 8, 3, 7, 2, 4, 5, 1, 3, 6, 0], np.int32)
WEIGHTS = np.array([1, 0.5, 2, 0, 1, 1, 1, 0, 0.5, 1, 1], np.float32)

NUM_ROWS, HIDDEN_SIZE, VOCABULARY_SIZE, CHUNK_ROWS = 14, 3, 5, 4


def numbers(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng((seed, *shape)).normal(size=shape).astype(np.float32)


def layer_of(
    *, vocabulary_size: int = V, cutoffs: tuple[int, ...] = CUTOFFS, widths: tuple[int, ...] = WIDTHS, **options: Any
) -> AdaptiveProjection:
    """Return a layer with large weights and non-zero biases, whose predictions are far from uniform."""
    layer = AdaptiveProjection(vocabulary_size, cutoffs=cutoffs, tail_widths=widths, name="projection", **options)
    layer.build((None, None, H))
    for seed, weight in enumerate(layer.weights):
        weight.assign(numbers(*weight.shape, seed=seed))
    return layer


def exact_weights(layer: AdaptiveProjection) -> Weights:
    return {weight.name: np.asarray(weight.value, np.float64) for weight in layer.weights}


def log_softmax(logits: Floats) -> Floats:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def logits_from_formula(weights: Weights, hidden: Floats) -> list[Floats]:
    """Return the logits of the head and of each tail."""
    logits = [hidden @ weights["head_kernel"] + weights["head_bias"]]
    for index in range(len(weights) // 3):
        narrow = hidden @ weights[f"tail_{index}_projection"]
        logits.append(narrow @ weights[f"tail_{index}_kernel"] + weights[f"tail_{index}_bias"])
    return logits


def log_probs_from_formula(weights: Weights, hidden: Floats) -> Floats:
    head, *tails = map(log_softmax, logits_from_formula(weights, hidden))
    first = head.shape[-1] - len(tails)
    return np.concatenate(
        [head[..., :first], *(head[..., first + index, None] + tail for index, tail in enumerate(tails))], axis=-1
    )


def gradients_of(
    layer: AdaptiveProjection, hidden: Any, targets: Any = TARGETS, weights: Any = WEIGHTS, **options: Any
) -> tuple[TokenLosses, dict[str, Any]]:
    """Return the losses in training, and the gradients of their total for the weights and the hidden states."""
    arrays = {"hidden": hidden, **{weight.name: weight.value for weight in layer.weights}}
    (_, losses), gradients = compiled(cross_entropy_jax._chunk_rows(1, 9999), **options)(arrays, targets, weights)
    return losses, gradients


@cache
def compiled(_chunk_rows: int, **options: Any) -> Any:
    layer = layer_of()

    def total(arrays: dict[str, Any], targets: Any, weights: Any) -> tuple[Any, TokenLosses]:
        mapping = [(weight, arrays[weight.name]) for weight in layer.weights]
        with keras.StatelessScope(state_mapping=mapping):
            losses = layer.losses_of(TokenBatch(arrays["hidden"], targets, weights, training=True, **options))
        return losses.total, losses

    return jax.jit(jax.value_and_grad(total, has_aux=True))


@pytest.mark.parametrize(
    ("vocabulary_size", "cutoffs", "widths"),
    [(2, (1,), (1,)), (12, (11,), (H,)), (9, (1, 2, 3, 8), (1, 3, 2, 1)), (12, (4, 9), (2, H))],
    ids=str,
)
def test_wherever_it_is_cut_the_probabilities_sum_to_one(
    vocabulary_size: int, cutoffs: tuple[int, ...], widths: tuple[int, ...]
) -> None:
    layer, hidden = layer_of(vocabulary_size=vocabulary_size, cutoffs=cutoffs, widths=widths), numbers(2, 3, H)
    log_probs = np.asarray(layer(hidden), np.float64)
    assert log_probs.shape == (2, 3, vocabulary_size)
    np.testing.assert_allclose(np.exp(log_probs).sum(axis=-1), 1, atol=1e-5)
    np.testing.assert_allclose(log_probs, log_probs_from_formula(exact_weights(layer), hidden), atol=1e-5)
    targets = np.arange(6, dtype=np.int32) % vocabulary_size
    losses = layer.losses_of(TokenBatch(hidden.reshape(6, H), targets, np.ones(6, np.float32)))
    expected = -log_probs.reshape(6, -1)[np.arange(6), targets]
    np.testing.assert_allclose(losses.negative_log_likelihood, expected, atol=1e-5)


@pytest.mark.parametrize("chunk_rows", [2, 448])
def test_total_and_gradients_match_the_formula(chunk_rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cross_entropy_jax, "_chunk_rows", lambda _size, _most: chunk_rows)
    layer, hidden = layer_of(), numbers(len(TARGETS), H)
    losses, gradients = gradients_of(layer, hidden)

    def total(arrays: Weights) -> float:
        log_probs = log_probs_from_formula({k: v for k, v in arrays.items() if k != "hidden"}, arrays["hidden"])
        return float(-(WEIGHTS * log_probs[np.arange(len(TARGETS)), TARGETS]).sum())

    exact = {**exact_weights(layer), "hidden": hidden.astype(np.float64)}
    np.testing.assert_allclose(losses.total, total(exact), rtol=1e-5)
    assert gradients.keys() == exact.keys()
    for name in exact:
        np.testing.assert_allclose(gradients[name], slopes(total, exact, name), atol=3e-5, err_msg=name)


def test_a_cluster_may_have_all_targets_or_none() -> None:
    layer, hidden = layer_of(), numbers(len(TARGETS), H)
    log_probs = log_probs_from_formula(exact_weights(layer), hidden)
    for target in (0, 4, 8):
        losses, gradients = gradients_of(layer, hidden, np.full(len(TARGETS), target, np.int32), np.abs(WEIGHTS) + 1)
        np.testing.assert_allclose(losses.negative_log_likelihood, -log_probs[:, target], atol=1e-5)
        for index, (start, end) in enumerate(zip(CUTOFFS, (*CUTOFFS[1:], V), strict=True)):
            assert bool(np.any(gradients[f"tail_{index}_projection"])) == (start <= target < end and end - start > 1)


def test_ranks_and_hits_outside_of_training_cover_the_whole_vocabulary(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, hidden, ones = layer_of(), numbers(len(TARGETS), H), np.ones(len(TARGETS), np.float32)
    log_probs = np.asarray(layer(hidden))
    own = log_probs[np.arange(len(TARGETS)), TARGETS][:, None]
    for held in (adaptive_projection._CHUNK_LOG_PROBS, 4 * V, 1):
        monkeypatch.setattr(adaptive_projection, "_CHUNK_LOG_PROBS", held)
        losses = layer.losses_of(TokenBatch(hidden, TARGETS, ones, ranks=True))
        np.testing.assert_array_equal(losses.rank, 1 + (log_probs > own).sum(axis=-1))
        np.testing.assert_array_equal(losses.hit, losses.rank == 1)
    best = log_probs.argmax(axis=-1).astype(np.int32)
    without = layer.losses_of(TokenBatch(hidden, best, ones))
    assert np.all(without.hit)
    assert without.rank is None


def test_ties_rank_in_order_of_id() -> None:
    layer = layer_of(cutoffs=(4,), widths=(2,), vocabulary_size=5)
    for weight in layer.weights:
        weight.assign(np.zeros(weight.shape))
    targets, ones = np.arange(5, dtype=np.int32), np.ones(5, np.float32)
    losses = layer.losses_of(TokenBatch(numbers(5, H), targets, ones, ranks=True))
    assert (losses.rank.tolist(), losses.hit.tolist()) == ([1, 2, 3, 4, 5], [True] * 5)


def test_a_hit_in_training_is_the_most_probable_in_head_and_tail() -> None:
    layer = layer_of(cutoffs=(2,), widths=(2,), vocabulary_size=5)
    for weight in layer.weights:
        weight.assign(np.zeros(weight.shape))
    layer.weights[1].assign([1.0, 0.0, 1.1])  # the tail is the most probable class, but no token in it is
    layer.weights[4].assign([0.0, 0.1, 0.0])
    hidden, targets, ones = numbers(5, H), np.arange(5, dtype=np.int32), np.ones(5, np.float32)
    training = layer.losses_of(TokenBatch(hidden, targets, ones, training=True))
    assert training.hit.tolist() == [False, False, False, True, False]
    assert layer.losses_of(TokenBatch(hidden, targets, ones)).hit.tolist() == [True, False, False, False, False]


def test_padding_does_not_count() -> None:
    layer, hidden = layer_of(), numbers(len(TARGETS), H)
    padding = WEIGHTS == 0
    losses, gradients = gradients_of(layer, hidden)
    elsewhere = np.where(padding[:, None], np.float32(5), hidden)
    others, same = gradients_of(layer, elsewhere, np.where(padding, 8, TARGETS).astype(np.int32))
    np.testing.assert_allclose(others.total, losses.total, rtol=1e-6)
    assert not gradients["hidden"][padding].any()
    for name, gradient in gradients.items():
        np.testing.assert_allclose(same[name], gradient, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("training", [True, False], ids=["gradient", "ranks"])
def test_memory_does_not_grow_with_rows_times_vocabulary(training: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adaptive_projection, "_CHUNK_LOG_PROBS", 2**20)
    vocabulary_size = 4096
    layer = layer_of(vocabulary_size=vocabulary_size, cutoffs=(64, 512), widths=(2, 2))

    def memory(num_rows: int) -> int:
        def total(hidden: Any, targets: Any, weights: Any) -> Any:
            return layer.losses_of(TokenBatch(hidden, targets, weights, training=training, ranks=not training))[
                0 if training else 3
            ]

        kinds = ((num_rows, H), np.float32), ((num_rows,), np.int32), ((num_rows,), np.float32)
        return temporary_bytes(jax.jit(jax.grad(total) if training else total), *kinds)

    few, many = 2048, 8192
    assert memory(few) > 0
    assert memory(many) - memory(few) < (many - few) * vocabulary_size * 4 / 10


def drawn() -> tuple[dict[str, Any], Any, Any]:
    """Return hidden states, kernel and bias, targets, and weights that are non-zero only in rows 5 and 6."""
    random = np.random.default_rng(0)
    shapes = {"hidden": (NUM_ROWS, HIDDEN_SIZE), "kernel": (HIDDEN_SIZE, VOCABULARY_SIZE), "bias": (VOCABULARY_SIZE,)}
    arrays = {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    weights = np.zeros(NUM_ROWS, np.float32)
    weights[5:7] = 1.5, 0.5
    return arrays, random.integers(VOCABULARY_SIZE, size=NUM_ROWS, dtype=np.int32), weights


tail_cross_entropy = partial(linear_cross_entropy, skip_empty_chunks=True)


def losses_and_gradients(losses_of: Any, **options: Any) -> tuple[Any, Any]:
    arrays, targets, weights = drawn()

    def total(arrays: dict[str, Any]) -> tuple[Any, Any]:
        losses = losses_of(arrays["hidden"], targets, weights, kernel=arrays["kernel"], bias=arrays["bias"], **options)
        return losses.total, losses

    (_, losses), gradients = jax.jit(jax.value_and_grad(total, has_aux=True))(arrays)
    return losses, gradients


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cross_entropy_jax, "_chunk_rows", lambda _size, _most: CHUNK_ROWS)


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize(("compute_dtype", "tolerance"), [("float32", 1e-5), ("bfloat16", 6e-2)])
def test_total_and_gradients_match_the_reference(compute_dtype: str, tolerance: float) -> None:
    losses, gradients = losses_and_gradients(tail_cross_entropy, compute_dtype=compute_dtype)
    expected, expected_gradients = losses_and_gradients(linear_cross_entropy_reference)
    np.testing.assert_allclose(losses.total, expected.total, rtol=tolerance)
    for name, gradient in expected_gradients.items():
        np.testing.assert_allclose(gradients[name], gradient, atol=tolerance, err_msg=name)


@pytest.mark.usefixtures("small_chunks")
def test_empty_chunks_are_skipped_if_gradients_are_computed() -> None:
    losses, _ = losses_and_gradients(tail_cross_entropy)
    expected, _ = losses_and_gradients(linear_cross_entropy_reference)
    found = np.asarray(losses.negative_log_likelihood)
    np.testing.assert_allclose(found[4:8], expected.negative_log_likelihood[4:8], rtol=1e-5)
    assert not found[:4].any()
    assert not found[8:].any()
