import math

import numpy as np
import pytest
from rich.cells import cell_len

from nextword.engine.distribution_engine import DistributionEngine
from nextword.engine.engine import Engine, State, WindowPrediction
from nextword.errors import EvaluationError, SettingError
from nextword.inference.evaluation.comparison import ComparedWord, compare, render_comparison
from nextword.inference.evaluation.perplexity import evaluate
from nextword.text.batching.window import TokenIds
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary
from support.markov_engine import MarkovEngine


class FirstTokenEngine(DistributionEngine):
    """Always predicts the first token of the text; `<eos>` is 0."""

    def start(self, batch_size: int) -> State:
        return np.zeros(batch_size, np.int64)

    def predict_window(self, inputs: TokenIds, state: State) -> tuple[WindowPrediction, State]:
        known = []
        for column in inputs.T:
            state = np.where(state == 0, column, state)
            known.append(state)
        is_known = np.arange(10) == np.stack(known, axis=1)[..., None]
        log_probs = np.where(is_known, np.log(0.91), np.log(0.01))
        return WindowPrediction(log_probs.astype(np.float32), None), state


def tutorial_positions(num_skipped: int, max_tokens: int, num_steps: int) -> list[int]:
    """Return the last targets of the tutorial's batch generator with batch size 1 and skip 1."""
    places = []
    for window in range(num_skipped + max_tokens):
        targets = range(window + 1, window + num_steps + 1)
        if window >= num_skipped:
            places.append(targets[-1])
    return places


def test_the_words_of_the_tutorial_begin_at_70() -> None:
    ids = np.arange(100, dtype=np.int32)
    tokens = compare(MarkovEngine(np.full((100, 100), 0.01)), ids, skip=70)
    assert [token.actual_id for token in tokens] == tutorial_positions(40, 10, 30) == list(range(70, 80))
    assert [token.position for token in tokens] == list(range(70, 80))


def test_all_earlier_words_are_read() -> None:
    ids = np.array([7] + [3] * 1_300, np.int32)
    for start in (1, 30, 511, 512, 513, 1_024, 1_290):
        (token,) = compare(FirstTokenEngine(vocabulary_size=10, end_id=0), ids, skip=start, max_tokens=1)
        assert (token.top[0].token_id, token.actual_id, token.position) == (7, 3, start)


def test_later_words_are_not_read() -> None:
    ids = np.array([1, 2, 0, 1], np.int32)
    full = compare(MarkovEngine(np.eye(3) * 0.7 + 0.1), ids, skip=0, max_tokens=4)
    assert compare(MarkovEngine(np.eye(3) * 0.7 + 0.1), ids, skip=0, max_tokens=2) == full[:2]
    assert [token.top[0].token_id for token in full] == [0, 1, 2, 0]


def test_log_probabilities_and_ranks_match_the_evaluation(lstm_engine: Engine) -> None:
    ids = np.random.default_rng(2).integers(0, 12, 60, dtype=np.int32)
    tokens = compare(lstm_engine, ids, skip=0, max_tokens=60)
    evaluation = evaluate(lstm_engine, ids)
    assert sum(token.log_prob for token in tokens) == pytest.approx(evaluation.log_prob, rel=1e-5)
    assert sum(token.rank == 1 for token in tokens) == evaluation.num_correct
    assert sum(token.rank <= 5 for token in tokens) == evaluation.num_in_top_five
    for token in tokens:
        assert (token.rank <= 5) == (token.actual_id in [guess.token_id for guess in token.top])


def test_ties_are_in_order_of_id() -> None:
    row = [0.1, 0.2, 0.1, 0.2, 0.2, 0.1, 0.1]
    (token,) = compare(MarkovEngine(np.array([row] * 7)), np.array([2], np.int32), skip=0, max_tokens=1)
    assert [guess.token_id for guess in token.top] == [1, 3, 4, 0, 2]
    assert token.rank == 5
    assert token.top[0].probability == pytest.approx(0.2)
    assert token.surprisal_bits == pytest.approx(math.log2(10))


def test_there_are_at_most_as_many_predictions_as_tokens() -> None:
    ids = np.array([2], np.int32)
    (token,) = compare(MarkovEngine(np.full((3, 3), 1 / 3)), ids, skip=0, max_tokens=1, num_top=9)
    assert [guess.token_id for guess in token.top] == [0, 1, 2]


def test_a_split_that_is_too_short_is_refused() -> None:
    engine = MarkovEngine(np.full((3, 3), 1 / 3))
    assert len(compare(engine, np.zeros(80, np.int32), skip=70)) == 10
    with pytest.raises(EvaluationError, match="up to token 79 needs 80 tokens, but the split has 79"):
        compare(engine, np.zeros(79, np.int32), skip=70)


@pytest.mark.parametrize("setting", ["skip", "max_tokens", "num_top"])
def test_numbers_out_of_range_are_refused(setting: str) -> None:
    with pytest.raises(SettingError, match=f"`{setting}` must be at least"):
        compare(MarkovEngine(np.full((3, 3), 1 / 3)), np.zeros(200, np.int32), **{setting: -1})


def test_the_columns_are_aligned_for_all_words() -> None:
    words = ("<eos>", "<unk>", "猫がいる", "e\N{COMBINING ACUTE ACCENT}te\N{COMBINING ACUTE ACCENT}", "a\x1b[31mb")
    tokenizer = Tokenizer("pretokenized", "line", Vocabulary(words))
    table = np.roll(np.eye(5) * 0.9 + 0.02, 1, axis=1)
    ids = np.array([2, 3, 4, 0, 1], np.int32)
    tokens = compare(MarkovEngine(table), ids, skip=0, max_tokens=5)
    lines = render_comparison(ComparedWord.of(token, tokenizer) for token in tokens)
    assert lines[0].split() == ["position", "actual", "predicted", "rank", "surprisal"]
    assert lines[1].split() == ["0", "猫がいる", "<unk>", "3", "5.64"]
    assert len({cell_len(line) for line in lines}) == 1
    assert lines[3].split()[1] == r"a\x1b[31mb"
    assert "\x1b" not in "".join(lines)


def test_an_unknown_word_is_no_prediction_and_is_spelled() -> None:
    tokenizer = Tokenizer("word", "line", Vocabulary(("<eos>", "<unk>", "cat", "sat")))
    table = np.tile(np.array([0.1, 0.6, 0.2, 0.1]), (4, 1))
    ids = np.array([1, 2], np.int32)
    tokens = compare(MarkovEngine(table), ids, skip=0, max_tokens=2, unknown_id=1)
    unknown, known = (
        ComparedWord.of(token, tokenizer, piece) for token, piece in zip(tokens, ("dog", "cat"), strict=True)
    )
    assert (unknown.actual, unknown.predicted, unknown.rank) == ("dog", "cat", 0)
    assert unknown.to_table()["rank"] is None
    assert unknown.surprisal_bits == pytest.approx(
        -math.log2(0.6) - tokenizer.speller.log_prob("dog") / math.log(2), abs=1e-4
    )
    assert (known.actual, known.predicted, known.rank, known.to_table()["rank"]) == ("cat", "cat", 1, 1)
    assert {word for word, _ in unknown.top} == {"<eos>", "cat", "sat"}
    assert render_comparison([unknown])[1].split() == ["0", "dog", "cat", "unknown", f"{unknown.surprisal_bits:.2f}"]


def test_a_certain_word_has_no_surprisal() -> None:
    (token,) = compare(MarkovEngine(np.eye(2)), np.array([0], np.int32), skip=0, max_tokens=1)
    assert str(token.surprisal_bits) == "0.0"
