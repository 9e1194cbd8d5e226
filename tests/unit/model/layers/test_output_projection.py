from typing import Any

import numpy as np

from nextword.model.layers.output_projection import OutputProjection, TokenBatch
from nextword.model.ops.cross_entropy import Candidates


def numbers(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng((seed, *shape)).normal(size=shape).astype(np.float32)


def projection(*, tied: bool = False, compute_dtype: str = "float32") -> OutputProjection:
    layer = OutputProjection(7, tied=tied, compute_dtype=compute_dtype, name="projection")
    layer.build((None, None, 5))
    layer.bias.assign(numbers(7))
    return layer


def test_the_logits_are_the_linear_map() -> None:
    layer, hidden = projection(), numbers(2, 3, 5)
    np.testing.assert_allclose(layer(hidden), hidden @ np.asarray(layer.kernel.value) + numbers(7), atol=1e-6)


def test_a_tied_layer_has_only_a_bias_and_transposes_the_embedding() -> None:
    layer, hidden, embeddings = projection(tied=True), numbers(2, 3, 5), numbers(7, 5)
    assert [weight.shape for weight in layer.weights] == [(7,)]
    np.testing.assert_allclose(layer(hidden, embeddings), hidden @ embeddings.T + numbers(7), atol=1e-6)


def test_the_lower_precision_is_only_for_training_and_is_close() -> None:
    exact, coarse, hidden = projection(), projection(compute_dtype="bfloat16"), numbers(4, 5)
    batch = TokenBatch(hidden, np.arange(4, dtype=np.int32), np.ones(4, np.float32))
    expected = np.asarray(exact.losses_of(batch).negative_log_likelihood)
    np.testing.assert_array_equal(coarse(hidden), exact(hidden))
    np.testing.assert_array_equal(coarse.losses_of(batch).negative_log_likelihood, expected)
    training = coarse.losses_of(batch._replace(training=True)).negative_log_likelihood
    assert not np.array_equal(training, expected)
    np.testing.assert_allclose(training, expected, atol=0.1)


def test_a_softmax_over_all_tokens_as_candidates_is_the_whole_softmax() -> None:
    layer, hidden, targets = projection(), numbers(6, 5), np.array([0, 6, 3, 5, 2, 4], np.int32)
    batch = TokenBatch(hidden, targets, np.ones(6, np.float32))
    everything = Candidates(np.arange(7, dtype=np.int32), log_weights=np.zeros(7, np.float32), places=targets)
    sampled = layer.losses_of(batch._replace(training=True, candidates=everything))
    np.testing.assert_allclose(sampled.total, layer.losses_of(batch).total, rtol=1e-5)
