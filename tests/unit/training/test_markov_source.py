"""Training on a source with a known entropy rate reaches that rate and no less."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from nextword.engine.keras_engine import KerasEngine
from nextword.model.architecture import Architecture
from nextword.model.language_model import LanguageModel
from nextword.text.batching.window import Streams, TokenIds, validation_streams
from nextword.training.checkpoint_store import CheckpointStore
from nextword.training.context import RunContext
from nextword.training.options import TrainingOptions
from nextword.training.plan import Plan
from nextword.training.run import TrainingRun
from nextword.training.step.step import TrainingStep
from support.engine_scores import scores_of

NUM_SYMBOLS = 8
CHAIN = np.random.default_rng(0).dirichlet(np.full(NUM_SYMBOLS, 0.5), NUM_SYMBOLS) * 0.98 + 0.02 / NUM_SYMBOLS
"""Row `i`: the probabilities of the symbol after `i`."""


def text_of_source(num_tokens: int, seed: int) -> TokenIds:
    thresholds = CHAIN.cumsum(axis=1)
    symbol, symbols = 0, []
    for drawn in np.random.default_rng(seed).random(num_tokens):
        symbol = min(int(thresholds[symbol].searchsorted(drawn)), NUM_SYMBOLS - 1)
        symbols.append(symbol)
    return np.array(symbols, np.int32)


def entropy_rate() -> float:
    """The entropy of the next symbol, averaged over the stationary distribution, in nats."""
    stationary = np.linalg.matrix_power(CHAIN, 1000)[0]
    return float(-(stationary[:, None] * CHAIN * np.log(CHAIN)).sum())


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    """A tiny LSTM trained on 30,000 symbols of the source."""
    architecture = Architecture(
        vocabulary_size=NUM_SYMBOLS, embedding_size=8, hidden_sizes=(16,), initializer_scale=0.5
    )
    trained = LanguageModel(architecture)
    root: Path = tmp_path_factory.mktemp("markov")
    options = TrainingOptions(epochs=5, learning_rate=0.02, schedule="linear", compute_dtype="float32")
    train = Streams(text_of_source(30_000, seed=1), batch_size=16, num_steps=25, first_input=0)
    valid = validation_streams(text_of_source(5_000, seed=2), end_id=0)
    plan = Plan.of(options, train.steps_per_epoch)
    step = TrainingStep(trained, options, plan, train=train, valid=valid)
    TrainingRun(step, CheckpointStore(root), lambda _progress: None, RunContext()).run()
    return trained


@pytest.fixture(scope="module")
def surprisals(model: LanguageModel) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The surprisal of each symbol of a new text in nats, under the model and under the source."""
    fresh = text_of_source(20_000, seed=3)
    scores = scores_of(KerasEngine(model, end_id=0), fresh[None], np.array([len(fresh)], np.int32))
    return -scores.log_probs[0, 1:].astype(np.float64), -np.log(CHAIN[fresh[:-1], fresh[1:]])


def test_the_source_is_neither_fixed_nor_uniform() -> None:
    assert 2.0 < np.exp(entropy_rate()) < 0.75 * NUM_SYMBOLS


def test_the_perplexity_is_within_three_percent_of_the_entropy_rate(
    surprisals: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> None:
    to_the_model, _ = surprisals
    assert np.exp(to_the_model.mean()) == pytest.approx(np.exp(entropy_rate()), rel=0.03)


def test_the_perplexity_is_not_below_that_of_the_source_on_the_same_text(
    surprisals: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> None:
    to_the_model, to_the_source = surprisals
    # The mean difference in surprisal is a divergence, at least 0 up to sampling error.
    excess = to_the_model - to_the_source
    standard_error = excess.std() / np.sqrt(len(excess))
    assert excess.mean() > -4 * standard_error
    assert excess.mean() < 0.01


def test_the_model_predicts_the_probabilities_of_the_source(model: LanguageModel) -> None:
    engine = KerasEngine(model, end_id=0)
    state = engine.score_window(*(text_of_source(100, seed=4)[None].repeat(NUM_SYMBOLS, axis=0),) * 2, engine.start(8))[
        1
    ]
    log_probs, _ = engine.step(np.arange(NUM_SYMBOLS, dtype=np.int32), state)
    np.testing.assert_allclose(np.exp(log_probs), CHAIN, atol=0.05)
