from typing import Any

import numpy as np
import pytest

from nextword.errors import SettingError
from nextword.models.layers.adaptive_projection import AdaptiveProjection
from nextword.models.layers.mixture_projection import MixtureProjection
from nextword.models.layers.narrowed_projection import NarrowedProjection
from nextword.models.layers.output_projection import OutputProjection
from nextword.models.layers.projection import Projection, TokenBatch
from nextword.ops.sampled_softmax import Candidates


def numbers(*shape: int) -> Any:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def projection(*, tied: bool = False, compute_dtype: str = "float32") -> OutputProjection:
    layer = OutputProjection(7, tied=tied, compute_dtype=compute_dtype, name="projection")
    layer.build((None, None, 5))
    layer.bias.assign(numbers(7))
    return layer


def test_the_logits_are_the_linear_map() -> None:
    layer, hidden = projection(), numbers(2, 3, 5)
    np.testing.assert_allclose(layer(hidden), hidden @ np.asarray(layer.kernel.value) + numbers(7), atol=1e-6)


def test_a_tied_layer_has_a_bias_alone_and_takes_the_embedding_transposed() -> None:
    layer, hidden, embeddings = projection(tied=True), numbers(2, 3, 5), numbers(7, 5)
    assert [weight.shape for weight in layer.weights] == [(7,)]
    np.testing.assert_allclose(layer(hidden, embeddings), hidden @ embeddings.T + numbers(7), atol=1e-6)


@pytest.mark.parametrize("tied", [True, False])
def test_the_losses_are_those_of_the_logits(tied: bool) -> None:
    layer, hidden = projection(tied=tied), numbers(6, 5)
    embeddings = numbers(7, 5) if tied else None
    targets, weights = np.array([0, 6, 3, 3, 1, 2], np.int32), np.array([1, 1, 0.5, 0, 1, 1], np.float32)
    losses = layer.losses_of(TokenBatch(hidden, targets, weights, embeddings=embeddings))
    logits = np.asarray(layer(hidden, embeddings), np.float64)
    expected = np.log(np.exp(logits).sum(axis=-1)) - logits[np.arange(6), targets]
    np.testing.assert_allclose(losses.negative_log_likelihood, expected, atol=1e-5)
    np.testing.assert_allclose(losses.total, (expected * weights).sum(), atol=1e-5)


def test_the_lower_precision_is_for_training_alone() -> None:
    exact, coarse, hidden = projection(), projection(compute_dtype="bfloat16"), numbers(4, 5)
    arguments = (hidden, np.arange(4, dtype=np.int32), np.ones(4, np.float32))
    expected = np.asarray(exact.losses_of(TokenBatch(*arguments)).negative_log_likelihood)
    np.testing.assert_array_equal(coarse(hidden), exact(hidden))
    np.testing.assert_array_equal(coarse.losses_of(TokenBatch(*arguments)).negative_log_likelihood, expected)
    training = coarse.losses_of(TokenBatch(*arguments, training=True)).negative_log_likelihood
    assert not np.array_equal(training, expected)
    np.testing.assert_allclose(training, expected, atol=0.1)


# What a projection cannot be trained with.


def batch_of(**terms: Any) -> TokenBatch:
    return TokenBatch(numbers(2, 5), np.zeros(2, np.int32), np.ones(2, np.float32), **terms)


CANDIDATES = Candidates(np.arange(7, dtype=np.int32), np.zeros(7, np.float32), np.zeros(2, np.int32))


@pytest.mark.parametrize(
    ("layer", "refused"),
    [
        (OutputProjection(7), ()),
        (NarrowedProjection(7, latent_size=4), ()),
        (AdaptiveProjection(7, cutoffs=(3,), tail_widths=(2,)), ("candidates",)),
        (MixtureProjection(7, mixture_size=2, latent_size=4), ("candidates", "label_smoothing", "z_loss")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_term_of_the_loss_that_a_projection_lacks_is_refused(layer: Projection, refused: tuple[str, ...]) -> None:
    layer.build((None, None, 5))
    terms = {"candidates": CANDIDATES, "label_smoothing": 0.1, "z_loss": 0.01}
    for term, value in terms.items():
        batch = batch_of(training=True, **{term: value})
        if term in refused:
            with pytest.raises(SettingError, match=f"`{term}` is no part of the loss of {type(layer).__name__}"):
                layer.losses_of(batch)
        else:
            assert np.isfinite(layer.losses_of(batch).total)


def test_label_smoothing_beside_candidates_is_refused() -> None:
    batch = batch_of(training=True, candidates=CANDIDATES, label_smoothing=0.1)
    with pytest.raises(SettingError, match=r"must be 0 beside `candidates`, but is 0\.1"):
        projection().losses_of(batch)
