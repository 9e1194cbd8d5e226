"""The penalties on the last layer's output, against their formulas."""

from typing import Any

import numpy as np
import pytest

from nextword.model.architecture import Architecture
from nextword.model.language_model import LanguageModel
from nextword.text.batching.window import Streams
from nextword.training.options import TrainingOptions
from nextword.training.step.step import as_batch
from nextword.training.step.stream_model import StreamModel

TOKENS = np.random.default_rng(0).integers(9, size=60).astype(np.int32)


def loss_of(*, num_steps: int = 5, training: bool = True, rate: float = 0.5, **factors: Any) -> tuple[float, Any]:
    """Return the loss of the first window, and the output of the last layer."""
    architecture = Architecture(
        vocabulary_size=9, embedding_size=6, hidden_sizes=(7, 6), tied=True, output_dropout_rate=rate
    )
    stream = StreamModel(LanguageModel(architecture, seed=3), TrainingOptions(**factors), batch_size=4)
    inputs, targets, weights = as_batch(Streams(TOKENS, batch_size=4, num_steps=num_steps, first_input=0).window(0))
    outputs = stream(inputs, training=training)
    loss = stream.compute_loss(inputs, targets, outputs, weights, training=training)
    return float(loss), outputs


@pytest.mark.parametrize("rate", [0.0, 0.5])
def test_activation_penalty_uses_the_output_after_dropout(rate: float) -> None:
    plain, outputs = loss_of(rate=rate)
    penalized, _ = loss_of(rate=rate, activation_regularization=200.0)
    assert penalized - plain == pytest.approx(200.0 * np.mean(np.square(outputs.hidden)), rel=1e-3)


@pytest.mark.parametrize("rate", [0.0, 0.5])
def test_temporal_penalty_uses_the_output_before_dropout(rate: float) -> None:
    plain, outputs = loss_of(rate=rate)
    penalized, _ = loss_of(rate=rate, temporal_activation_regularization=30.0)
    change = np.diff(np.asarray(outputs.raw), axis=1)
    assert penalized - plain == pytest.approx(30.0 * np.mean(np.square(change)), rel=1e-3)


def test_a_window_of_one_step_has_no_temporal_penalty() -> None:
    plain, _ = loss_of(num_steps=1)
    penalized, _ = loss_of(num_steps=1, temporal_activation_regularization=30.0)
    assert penalized == pytest.approx(plain)


def test_validation_has_no_penalty() -> None:
    plain, _ = loss_of(training=False)
    penalized, _ = loss_of(training=False, activation_regularization=2.0, temporal_activation_regularization=1.0)
    assert penalized == pytest.approx(plain)
