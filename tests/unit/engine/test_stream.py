import numpy as np
import pytest

from nextword.engine.engine import Engine
from nextword.engine.stream import ScoredTokens, predicted_windows, token_log_probs
from nextword.errors import EvaluationError
from nextword.inference.evaluation.perplexity import evaluate
from support.markov_engine import MarkovEngine

IDS = np.random.default_rng(7).integers(0, 12, 1_300, dtype=np.int32)


def test_prediction_windows_cover_a_text_and_carry_the_state(lstm_engine: Engine) -> None:
    windows = list(predicted_windows(lstm_engine, IDS[None]))
    np.testing.assert_array_equal(np.hstack([window.targets for window in windows])[0], IDS)
    np.testing.assert_array_equal(np.hstack([window.inputs for window in windows])[0], [0, *IDS[:-1]])
    found = [np.take_along_axis(each.prediction.log_probs, each.targets[..., None], 2)[0, :, 0] for each in windows]
    np.testing.assert_allclose(np.concatenate(found), token_log_probs(lstm_engine, IDS), atol=1e-5)


def test_prediction_windows_fit_in_memory() -> None:
    engine = MarkovEngine(np.full((12, 12), 1 / 12))
    lengths = [window.inputs.shape[1] for window in predicted_windows(engine, IDS[None], numbers_per_step=200_000)]
    assert 50 < max(lengths) <= 100
    assert sum(lengths) == len(IDS)


def test_token_log_probs_sum_to_the_evaluation(lstm_engine: Engine) -> None:
    scored: list[ScoredTokens] = []
    evaluation = evaluate(lstm_engine, IDS, on_scored=scored.append)
    log_probs = token_log_probs(lstm_engine, IDS)
    assert evaluation.log_prob == pytest.approx(log_probs.sum(), rel=1e-9)
    np.testing.assert_array_equal(np.concatenate([window.log_probs for window in scored]), log_probs)


def test_no_tokens_are_refused(lstm_engine: Engine) -> None:
    with pytest.raises(EvaluationError, match="at least one token"):
        next(predicted_windows(lstm_engine, IDS[None, :0]))
