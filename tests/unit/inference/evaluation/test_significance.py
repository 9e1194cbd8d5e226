import json
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nextword.engine.engine import Engine
from nextword.engine.stream import token_log_probs
from nextword.errors import EvaluationError, MissingExtraError, SettingError
from nextword.inference.evaluation.perplexity import evaluate
from nextword.inference.evaluation.significance import BLOCK_LINES, LineScores, compare_lines, lines_of
from support.markov_engine import MarkovEngine


def line_scores(engine: Engine, ids: NDArray[np.int32]) -> LineScores:
    return lines_of(token_log_probs(engine, ids), ids, end_id=engine.end_id)


def scores_of(seed: int, num_lines: int = 60) -> LineScores:
    random = np.random.default_rng(seed)
    num_tokens = random.integers(1, 30, num_lines)
    return LineScores(-5.0 * num_tokens + random.normal(size=num_lines), num_tokens)


def shifted(scores: LineScores, mean: float, scale: float, seed: int) -> LineScores:
    noise = np.random.default_rng(seed).normal(mean, scale, len(scores.log_probs))
    return scores._replace(log_probs=scores.log_probs + noise * scores.num_tokens)


def table_towards(right: float) -> NDArray[np.float64]:
    """Return a chain of three tokens; the next one follows with probability `right`."""
    return np.roll(np.eye(3), 1, axis=1) * (right - (1 - right) / 2) + (1 - right) / 2


def test_the_lines_end_at_the_end_token() -> None:
    engine = MarkovEngine(np.array([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7], [0.6, 0.3, 0.1]]))
    scores = line_scores(engine, np.array([1, 2, 0, 0, 2, 1], np.int32))
    assert scores.num_tokens.tolist() == [3, 1, 2]
    np.testing.assert_allclose(np.exp(scores.log_probs), [0.25 * 0.7 * 0.6, 0.5, 0.25 * 0.3], rtol=1e-6)


@pytest.mark.parametrize("num_tokens", [1, 511, 512, 513, 1_500])
def test_the_lines_add_up_to_the_evaluation(num_tokens: int) -> None:
    engine = MarkovEngine(np.random.default_rng(0).dirichlet(np.ones(5), 5))
    ids = np.random.default_rng(1).integers(0, 5, num_tokens, dtype=np.int32)
    scores = line_scores(engine, ids)
    assert scores.log_probs.sum() == pytest.approx(evaluate(engine, ids).log_prob)
    assert scores.num_tokens.sum() == num_tokens
    assert len(scores.num_tokens) == (ids == 0).sum() + (ids[-1] != 0)


def test_equal_models_have_no_difference() -> None:
    found = compare_lines(scores_of(0), scores_of(0), resamples=199)
    assert (found.difference, found.low, found.high, found.p_value) == (0.0, 0.0, 0.0, 1.0)
    assert found.perplexity_ratio == 1.0


def test_a_better_model_is_recognized() -> None:
    ids = np.tile(np.array([0, 1, 2, 0, 1, 0, 1, 2], np.int32), 40)
    worse, better = MarkovEngine(table_towards(0.5)), MarkovEngine(table_towards(0.7))
    found = compare_lines(line_scores(worse, ids), line_scores(better, ids), resamples=999)
    means = [evaluate(engine, ids).log_prob / len(ids) for engine in (worse, better)]
    assert found.difference == pytest.approx(means[1] - means[0])
    assert 0 < found.low < found.difference < found.high
    assert found.p_value == 1 / 1_000
    assert found.perplexities == pytest.approx(tuple(np.exp(-np.array(means))))
    assert found.perplexity_ratio == pytest.approx(found.perplexities[1] / found.perplexities[0])
    assert found.num_units == (ids == 0).sum() + 1


def test_a_shift_of_every_line_is_the_difference() -> None:
    first = scores_of(0)
    found = compare_lines(first, first._replace(log_probs=first.log_probs + 0.02 * first.num_tokens), resamples=199)
    np.testing.assert_allclose((found.difference, found.low, found.high), 0.02, rtol=1e-9)
    assert found.p_value == 1 / 200


@given(st.integers(0, 2**31 - 1), st.floats(-0.2, 0.2), st.sampled_from(["line", "block"]))
@settings(max_examples=20)
def test_swapping_the_models_negates_the_difference(seed: int, mean: float, unit: Any) -> None:
    first = scores_of(seed, num_lines=100)
    second = shifted(first, mean, 0.3, seed + 1)
    there = compare_lines(first, second, unit=unit, resamples=199, seed=seed)
    back = compare_lines(second, first, unit=unit, resamples=199, seed=seed)
    found = (back.difference, back.low, back.high, back.p_value)
    np.testing.assert_allclose(found, (-there.difference, -there.high, -there.low, there.p_value), atol=1e-9)
    assert there.low <= there.high


def test_results_depend_only_on_the_seed() -> None:
    first = scores_of(0)
    second = shifted(first, 0.02, 0.1, 1)
    same = [compare_lines(first, second, resamples=199, seed=seed) for seed in (4, 4, 5)]
    assert same[0] == same[1]
    assert (same[0].low, same[0].p_value) != (same[2].low, same[2].p_value)


def test_for_equally_good_models_p_values_are_uniform_and_intervals_hold_zero() -> None:
    random, num_trials = np.random.default_rng(0), 120
    found = []
    for _ in range(num_trials):
        first = scores_of(int(random.integers(2**31)), num_lines=80)
        second = shifted(first, 0.0, 0.3, int(random.integers(2**31)))
        found.append(compare_lines(first, second, confidence=0.9, resamples=199, seed=int(random.integers(2**31))))
    p_values = np.array([comparison.p_value for comparison in found])
    for level in (0.1, 0.5):  # within four standard errors
        assert abs((p_values <= level).mean() - level) < 4 * np.sqrt(level * (1 - level) / num_trials)
    covered = np.mean([comparison.low <= 0 <= comparison.high for comparison in found])
    assert abs(covered - 0.9) < 4 * np.sqrt(0.09 / num_trials)


def test_dependent_lines_are_compared_in_blocks() -> None:
    num_lines, random = 2_000, np.random.default_rng(0)
    of_blocks = random.normal(size=-(-num_lines // 50)).repeat(50)[:num_lines]
    first = LineScores(np.full(num_lines, -50.0), np.full(num_lines, 10))
    second = first._replace(log_probs=first.log_probs + of_blocks)
    lines = compare_lines(first, second, resamples=199)
    blocks = compare_lines(first, second, unit="block", resamples=199)
    assert blocks.difference == pytest.approx(lines.difference)
    assert blocks.num_units == -(-num_lines // BLOCK_LINES)
    assert blocks.high - blocks.low > 2 * (lines.high - lines.low)


def test_models_with_different_tokens_are_compared_per_line() -> None:
    first = scores_of(0)
    second = LineScores(first.log_probs + 0.5, 3 * first.num_tokens)
    found = compare_lines(first, second, resamples=199)
    assert found.per == "line"
    np.testing.assert_allclose((found.difference, found.low, found.high), 0.5)
    assert (found.perplexity_ratio, found.ratio_interval) == (None, None)
    assert found.num_tokens[1] == 3 * found.num_tokens[0] == 3 * first.num_tokens.sum()


def test_the_description_lists_all_values() -> None:
    first = scores_of(0)
    found = compare_lines(first, shifted(first, 0.1, 0.1, 1), resamples=199)
    table = json.loads(json.dumps(found.to_table(), allow_nan=False))
    assert table["perplexity_ratio"] == found.perplexity_ratio
    assert table["ratio_interval"][0] < table["perplexity_ratio"] < table["ratio_interval"][1] < 1
    text = "\n".join(found.describe())
    assert "95 % interval" in text
    assert f"{found.perplexity_ratio:.4f}" in text
    assert "60 lines" in text


def test_an_infinite_perplexity_is_null_in_json() -> None:
    first = scores_of(0)
    found = compare_lines(first, first._replace(log_probs=first.log_probs * 1e4), resamples=199)
    assert found.perplexities[1] == np.inf
    assert found.to_table()["perplexities"][1] is None
    assert json.dumps(found.to_table(), allow_nan=False)


def test_invalid_comparisons_are_refused() -> None:
    scores = scores_of(0)
    with pytest.raises(EvaluationError, match="one has 60 and the other 59"):
        compare_lines(scores, scores_of(0, num_lines=59))
    with pytest.raises(EvaluationError, match="at least 2 blocks, but the text has 1"):
        compare_lines(scores_of(0, 20), scores_of(0, 20), unit="block")
    with pytest.raises(EvaluationError, match="must be finite"):
        line_scores(MarkovEngine(np.eye(2)), np.array([1, 1], np.int32))
    with pytest.raises(SettingError, match="`confidence` must be between 0 and 1, but is 95"):
        compare_lines(scores, scores, confidence=95)
    with pytest.raises(SettingError, match="`resamples` must be at least 99, but is 10"):
        compare_lines(scores, scores, resamples=10)


def test_the_error_without_scipy_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    with pytest.raises(
        MissingExtraError, match="comparing models needs SciPy, which is missing; install the extra `train`"
    ):
        compare_lines(scores_of(0), scores_of(0))


def test_the_repr_is_one_line() -> None:
    found = compare_lines(scores_of(0), scores_of(0), resamples=199)
    perplexity = f"{found.perplexities[0]:,.2f}"
    assert repr(found) == f"Comparison(perplexity {perplexity} and {perplexity}, p-value 1)"
