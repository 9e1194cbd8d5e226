import dataclasses
import json
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nextword.engine.engine import Engine
from nextword.engine.stream import ScoredTokens
from nextword.errors import EvaluationError, SettingError
from nextword.inference.evaluation.perplexity import FREQUENCY_RANKS, POSITIONS, Evaluation, GroupTally, evaluate
from support.engine_scores import scores_of
from support.markov_engine import MarkovEngine

shares_fixtures = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def uniform_table(size: int) -> NDArray[np.float64]:
    return np.full((size, size), 1 / size)


def random_ids(count: int, size: int = 12) -> NDArray[np.int32]:
    return np.random.default_rng(7).integers(0, size, count, dtype=np.int32)


def evaluation_of(log_prob: float, num_tokens: int = 1) -> Evaluation:
    return Evaluation(num_tokens, log_prob, 0, 0, by_frequency=(), by_position=(), protocol="by hand")


def test_a_markov_engine_has_the_entropy_of_its_chain() -> None:
    random = np.random.default_rng(1)
    table = random.dirichlet(np.full(5, 0.5), size=5)
    ids = np.zeros(30_000, np.int32)
    for position in range(1, len(ids)):
        ids[position] = random.choice(5, p=table[ids[position - 1]])
    stationary = np.linalg.matrix_power(table, 200)[0]
    entropy = -float(stationary @ (table * np.log(table)).sum(axis=1))
    evaluation = evaluate(MarkovEngine(table), ids)
    assert evaluation.perplexity == pytest.approx(math.exp(entropy), rel=0.03)
    by_hand = np.log(table[np.concatenate(([0], ids[:-1])), ids]).sum()
    assert evaluation.log_prob == pytest.approx(by_hand, rel=1e-6)


@pytest.mark.parametrize(("batch_size", "num_steps"), [(1, 7), (1, 2_000), (4, 64), (3, 512)])
def test_perplexity_is_independent_of_batch_size_and_window(
    lstm_engine: Engine, batch_size: int, num_steps: int
) -> None:
    ids = random_ids(1_700)
    one_stream = evaluate(lstm_engine, ids)
    other = evaluate(lstm_engine, ids, batch_size=batch_size, num_steps=num_steps)
    assert other.num_tokens == one_stream.num_tokens == len(ids)
    assert other.perplexity == pytest.approx(one_stream.perplexity, rel=1e-4)


def test_the_state_is_carried_through_the_whole_split(lstm_engine: Engine) -> None:
    ids = random_ids(200)
    carried = evaluate(lstm_engine, ids, num_steps=10).log_prob
    whole = scores_of(lstm_engine, ids[None, :], np.array([200], np.int32)).log_probs.sum(dtype=np.float64)
    inputs = np.concatenate(([0], ids[:-1])).astype(np.int32).reshape(20, 10)
    dropped, _ = lstm_engine.score_window(inputs, ids.reshape(20, 10), lstm_engine.start(20))
    assert carried == pytest.approx(whole, rel=1e-5)
    assert carried != pytest.approx(dropped.log_probs.sum(dtype=np.float64), rel=1e-3)


def test_correct_tokens_and_the_top_five_are_counted() -> None:
    row = np.array([0.3, 0.2, 0.15, 0.12, 0.1, 0.08, 0.05])
    ids = np.array([0, 0, 0, 4, 5, 6], np.int32)
    evaluation = evaluate(MarkovEngine(np.tile(row, (7, 1))), ids, num_steps=4)
    assert (evaluation.num_correct, evaluation.num_in_top_five) == (3, 4)
    assert (evaluation.accuracy, evaluation.top_five_accuracy) == (1 / 2, 4 / 6)


def test_an_unknown_word_never_counts_as_right() -> None:
    row = np.array([0.5, 0.2, 0.1, 0.1, 0.1])
    ids = np.array([0, 0, 1, 2], np.int32)
    engine = MarkovEngine(np.tile(row, (5, 1)))
    written, unknown = evaluate(engine, ids), evaluate(engine, ids, unknown_id=0)
    assert (written.num_correct, written.num_in_top_five) == (2, 4)
    assert (unknown.num_correct, unknown.num_in_top_five) == (0, 2)
    assert unknown.log_prob == written.log_prob
    assert unknown.by_frequency[0].num_correct == 0


def test_figures_per_word_and_character_spell_every_word() -> None:
    evaluation = dataclasses.replace(
        evaluation_of(-10.0, 5), spelling_log_prob=-6.0, num_words=4, num_characters=20, num_out_of_vocabulary=2
    )
    assert evaluation.perplexity == pytest.approx(math.exp(2))
    assert evaluation.perplexity_per_word == pytest.approx(math.exp(4))
    assert evaluation.bits_per_word == pytest.approx(4 / math.log(2))
    assert evaluation.bits_per_character == pytest.approx(16 / 20 / math.log(2))
    assert next(iter(evaluation.figures())) == "bits per character"
    assert next(iter(dataclasses.replace(evaluation, num_out_of_vocabulary=0).figures())) == "perplexity"


def test_many_unknown_words_are_warned_of() -> None:
    evaluation = evaluation_of(-10.0, 100)
    few, many = (dataclasses.replace(evaluation, num_out_of_vocabulary=number) for number in (5, 6))
    assert evaluation.warning is few.warning is None
    assert many.warning is not None
    assert "6.0% of the words are unknown" in many.warning
    assert "train with the subword tokenizer" in many.warning


def test_the_groups_add_up_to_the_total() -> None:
    ids = np.random.default_rng(0).integers(0, 150, 500, dtype=np.int32)
    table = np.random.default_rng(1).dirichlet(np.ones(150), size=150)
    evaluation = evaluate(MarkovEngine(table), ids, batch_size=3, num_steps=50)
    for groups in (evaluation.by_frequency, evaluation.by_position):
        assert sum(group.num_tokens for group in groups) == evaluation.num_tokens
        assert sum(group.num_correct for group in groups) == evaluation.num_correct
        assert sum(group.log_prob for group in groups) == pytest.approx(evaluation.log_prob)
    assert evaluation.by_frequency[0].num_tokens == np.count_nonzero(ids < 10)
    assert evaluation.by_frequency[1].num_tokens == np.count_nonzero((ids >= 10) & (ids < 100))


@given(
    ids=st.lists(st.sampled_from([0, 1, 1, 1, 1, 1, 1, 1, 1, 1]), min_size=1, max_size=90), num_steps=st.integers(1, 9)
)
@shares_fixtures
def test_positions_in_a_sentence_are_counted_across_windows(ids: list[int], num_steps: int) -> None:
    evaluation = evaluate(MarkovEngine(uniform_table(2)), np.array(ids, np.int32), num_steps=num_steps)
    places, place = [], 0
    for token_id in ids:
        place += 1
        places.append(place)
        place = 0 if token_id == 0 else place
    bounds = [1, 2, 3, 5, 10, 20, 10**9]
    expected = [
        sum(low < place <= high for place in places) for low, high in zip([0, *bounds[:-1]], bounds, strict=True)
    ]
    assert [group.num_tokens for group in evaluation.by_position] == expected


def test_an_impossible_token_makes_the_perplexity_infinite() -> None:
    table = np.array([[0.5, 0.5, 0.0]] * 3)
    evaluation = evaluate(MarkovEngine(table), np.array([0, 2, 1], np.int32))
    assert evaluation.perplexity == math.inf
    assert evaluation.to_table()["perplexity"] is None
    json.dumps(evaluation.to_table(), allow_nan=False)
    assert "perplexity      inf" in evaluation.describe()


def test_a_perplexity_that_overflows_is_infinite() -> None:
    assert evaluation_of(-1e6).perplexity == math.inf
    assert evaluation_of(-1e6).to_table()["bits_per_token"] == pytest.approx(1e6 / math.log(2))


def test_the_protocol_names_the_number_of_rows() -> None:
    engine = MarkovEngine(uniform_table(12))
    assert "state carried from the first token to the last" in evaluate(engine, random_ids(10)).protocol
    assert "4 parallel rows" in evaluate(engine, random_ids(10), batch_size=4).protocol


def test_progress_ends_with_all_tokens() -> None:
    told: list[tuple[int, int]] = []
    engine = MarkovEngine(uniform_table(12))
    evaluate(engine, random_ids(25), num_steps=10, on_progress=lambda done, total: told.append((done, total)))
    assert told == [(10, 25), (20, 25), (25, 25)]


@pytest.mark.parametrize(
    ("ids", "message"),
    [([], "at least one token"), ([0, 12], "between 0 and 11, but are between 0 and 12"), ([-1], "but are between -1")],
)
def test_a_split_that_cannot_be_predicted_is_refused(ids: list[int], message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        evaluate(MarkovEngine(uniform_table(12)), np.array(ids, np.int32))


def test_a_model_with_nan_outputs_is_refused() -> None:
    with pytest.raises(EvaluationError, match="NaN"):
        evaluate(MarkovEngine(np.full((3, 3), np.nan)), np.array([1], np.int32))


@pytest.mark.parametrize(
    ("batch_size", "num_steps", "message"),
    [(0, 5, "`batch_size` must be at least 1, but is 0"), (1, 0, "`num_steps` must be"), (9, 5, "has 8")],
)
def test_sizes_out_of_range_are_refused(batch_size: int, num_steps: int, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        evaluate(MarkovEngine(uniform_table(12)), random_ids(8), batch_size=batch_size, num_steps=num_steps)


def test_a_bound_belongs_to_the_group_that_ends_there() -> None:
    numbers = np.array([1, 10, 11, 100, 101, 1_000, 1_001, 10_000, 10_001, 99_999])
    ranks = np.array([1, 2, 1, 1, 9, 9, 9, 9, 9, 1], np.int32)
    tally = GroupTally(FREQUENCY_RANKS)
    tally.add(numbers, ScoredTokens(numbers.astype(np.int32), np.full(10, -np.log(4.0)), ranks, numbers))
    groups = tally.groups()
    assert [group.label for group in groups] == ["1-10", "11-100", "101-1,000", "1,001-10,000", "over 10,000"]
    assert [group.num_tokens for group in groups] == [2] * 5
    assert [group.accuracy for group in groups] == [0.5, 1.0, 0.0, 0.0, 0.5]
    assert [group.to_table()["bits_per_token"] for group in groups] == [2.0] * 5


def test_an_empty_group_has_no_metrics() -> None:
    group = GroupTally(POSITIONS).groups()[0]
    assert group.to_table() == {"label": "1", "num_tokens": 0, "accuracy": None, "bits_per_token": None}


def test_the_repr_is_one_line() -> None:
    shown = "Evaluation(static, perplexity 1.00, accuracy 0.00%, 1,000 tokens)"
    assert repr(evaluation_of(0.0, 1000)) == shown
    spelled = dataclasses.replace(evaluation_of(-100.0), num_out_of_vocabulary=1, num_characters=100)
    assert repr(spelled).startswith("Evaluation(static, 1.443 bits per character, perplexity ")
    assert repr(evaluation_of(-2000.0)) == "Evaluation(static, perplexity inf, accuracy 0.00%, 1 tokens)"
