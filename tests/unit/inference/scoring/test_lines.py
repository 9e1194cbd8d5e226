import json
import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextword.engine import stream as sentence_batches
from nextword.engine.distribution_engine import DistributionEngine
from nextword.engine.engine import State, TokenScores, WindowPrediction
from nextword.engine.text_model import LoadedModel
from nextword.errors import EvaluationError, TextError
from nextword.inference.evaluation.perplexity import evaluate
from nextword.inference.scoring.line_score import LineScore, ScoreSummary, shown_tokens
from nextword.inference.scoring.lines import ScoringOptions, score_lines, score_sentences
from nextword.text.batching.window import TokenIds
from nextword.text.options import LineEnds, TokenizerKind
from nextword.text.tokens.encoded_lines import surface
from support.small_model import small_model, step_by_step
from support.small_tokenizers import WITHOUT_SUBWORDS


def test_perplexities_with_and_without_words_out_of_vocabulary(model: LoadedModel) -> None:
    scores = list(score_lines(model, ["the dog sat", "", "cow <unk> cat"]))
    summary = ScoreSummary()
    for score in scores:
        summary.add(score)
    log_probs = np.concatenate([score.log_probs for score in scores]).astype(np.float64)
    missing = np.concatenate([score.out_of_vocabulary for score in scores])
    assert (summary.num_lines, summary.num_tokens, summary.num_out_of_vocabulary) == (3, 9, 2)
    assert summary.perplexity == pytest.approx(math.exp(-log_probs.mean()), rel=1e-9)
    assert summary.known_perplexity == pytest.approx(math.exp(-log_probs[~missing].mean()), rel=1e-9)
    table = summary.to_table()
    assert table["perplexity"] == summary.perplexity
    assert table["perplexity_without_out_of_vocabulary"] == summary.known_perplexity
    assert table["log10_prob"] == pytest.approx(log_probs.sum() / math.log(10))
    assert "out of vocabulary       2 (22.22%)" in summary.describe()


def test_an_empty_summary_has_no_perplexity() -> None:
    summary = ScoreSummary()
    with pytest.raises(EvaluationError, match="at least one token"):
        _ = summary.perplexity
    assert summary.to_table()["perplexity"] is None
    assert "perplexity              undefined (no tokens)" in summary.describe()


words = st.sampled_from(["the", "cat", "dog", "sat,", "'", '"on', "don't", "é", "."])
lines_of_text = st.lists(st.lists(words, max_size=12).map(" ".join), min_size=1, max_size=12)


@pytest.mark.parametrize(("kind", "line_ends"), WITHOUT_SUBWORDS)
@settings(max_examples=30)
@given(lines=lines_of_text, bos=st.booleans(), eos=st.booleans(), read_ahead=st.integers(1, 6))
def test_scores_of_lines_match_single_steps(
    kind: TokenizerKind, line_ends: LineEnds, lines: list[str], bos: bool, eos: bool, read_ahead: int
) -> None:
    model = small_model(kind, line_ends=line_ends)
    by_line = small_model(kind).tokenizer
    scores = list(score_lines(model, lines, ScoringOptions(bos=bos, eos=eos, read_ahead=read_ahead, spell=False)))
    assert [(score.number, score.text) for score in scores] == list(enumerate(lines, start=1))
    vocabulary = model.tokenizer.vocabulary
    for score in scores:
        ids = [*by_line.encode(score.text), *([vocabulary.end_id] if eos else [])]
        assert score.ids.tolist() == ids
        expected = step_by_step(model.engine, ids, vocabulary.end_id if bos else vocabulary.unknown_id)
        np.testing.assert_allclose(score.log_probs, expected, atol=1e-5)
        assert score.log_prob == pytest.approx(sum(expected), abs=1e-4)


@pytest.mark.parametrize(("kind", "line_ends"), WITHOUT_SUBWORDS)
@settings(max_examples=30)
@given(lines=lines_of_text, read_ahead=st.integers(1, 6))
def test_carried_lines_match_an_evaluation(
    kind: TokenizerKind, line_ends: LineEnds, lines: list[str], read_ahead: int
) -> None:
    model = small_model(kind, line_ends=line_ends)
    ids = np.array(small_model(kind).tokenizer.encode("\n".join([*lines, ""])), np.int32)
    expected = evaluate(model.engine, ids)
    scores = list(score_lines(model, lines, ScoringOptions(carry=True, read_ahead=read_ahead, spell=False)))
    assert sum(score.num_tokens for score in scores) == expected.num_tokens
    assert sum(score.log_prob for score in scores) / len(ids) == pytest.approx(expected.log_prob / len(ids), abs=1e-5)


@pytest.mark.parametrize("carry", [False, True])
@pytest.mark.parametrize(("kind", "line_ends"), WITHOUT_SUBWORDS)
def test_an_unknown_word_is_charged_for_its_spelling(kind: TokenizerKind, line_ends: LineEnds, carry: bool) -> None:
    model = small_model(kind, line_ends=line_ends)
    lines = ["the zyx, cat", "", "cat", "the \u20ac cat \u6f22\u5b57"]
    spelled, plain = (
        list(score_lines(model, lines, ScoringOptions(carry=carry, spell=spell))) for spell in (True, False)
    )
    for with_spelling, without in zip(spelled, plain, strict=True):
        costs = with_spelling.log_probs - without.log_probs
        assert (costs < 0).tolist() == with_spelling.out_of_vocabulary.tolist()
        pieces = surface(model.tokenizer, with_spelling.text)
        expected = [model.tokenizer.speller.log_prob(pieces[place]) for place in np.flatnonzero(costs)]
        np.testing.assert_allclose(costs[costs < 0], expected, atol=1e-5)
        for scores in (with_spelling, without):  # it is nobody's first choice
            assert ((scores.ranks == 0) == scores.out_of_vocabulary).all()


def test_carried_lines_count_their_ends_only_if_asked(model: LoadedModel) -> None:
    lines = ["the cat", "", "sat on"]
    with_ends = list(score_lines(model, lines, ScoringOptions(carry=True)))
    without = list(score_lines(model, lines, ScoringOptions(carry=True, eos=False)))
    assert [score.num_tokens for score in without] == [2, 0, 2]
    for whole, part in zip(with_ends, without, strict=True):
        assert whole.log_probs[:-1].tolist() == part.log_probs.tolist()


@pytest.mark.parametrize("read_ahead", [1, 7, 64])
@pytest.mark.parametrize("carry", [False, True])
def test_at_most_read_ahead_lines_are_in_memory(model: LoadedModel, read_ahead: int, carry: bool) -> None:
    num_read = 0

    def endless() -> Iterator[str]:
        nonlocal num_read
        while True:
            num_read += 1
            yield "the cat sat on the mat ." if num_read % 3 else "the cat"

    scores = score_lines(model, endless(), ScoringOptions(read_ahead=read_ahead, carry=carry))
    for _ in range(200):
        score = next(scores)
        assert 0 <= num_read - score.number < read_ahead


def test_out_of_vocabulary_words_are_counted_but_a_literal_unk_is_not(model: LoadedModel) -> None:
    (score,) = score_lines(model, ["the dog <unk> cow"])
    assert score.num_out_of_vocabulary == 2
    assert score.out_of_vocabulary.tolist() == [False, True, False, True, False]
    assert score.ids.tolist() == [0, 1, 1, 1, 3]


def test_an_error_comes_after_the_lines_before_it(model: LoadedModel) -> None:
    scores = score_lines(model, ["the", "cat <eos>", "sat"])
    assert next(scores).text == "the"
    with pytest.raises(TextError, match="line 2"):
        next(scores)


def line_score(log_probs: list[float], missing: list[bool] | None = None) -> LineScore:
    size = len(log_probs)
    return LineScore(
        number=1,
        text="a b",
        ids=np.zeros(size, np.int32),
        log_probs=np.array(log_probs, np.float32),
        ranks=np.ones(size, np.int32),
        out_of_vocabulary=np.array(missing or [False] * size, np.bool_),
        spelling_log_probs=np.zeros(size),
    )


def test_values_match_their_definitions() -> None:
    score = line_score([math.log(0.5), math.log(0.25), math.log(0.125)], [False, True, False])
    assert score.num_tokens == 3
    assert score.num_out_of_vocabulary == 1
    assert score.log_prob == pytest.approx(math.log(1 / 64))
    assert score.log10_prob == pytest.approx(math.log10(1 / 64))
    assert score.bits.tolist() == pytest.approx([1, 2, 3])
    assert score.perplexity == pytest.approx(4)


def test_an_impossible_line_has_infinite_perplexity_and_null_in_json() -> None:
    score = line_score([-math.inf, -1.0])
    assert score.perplexity == math.inf
    assert line_score([-1000.0]).perplexity == math.inf  # above what a float can be
    table = json.loads(json.dumps(score.to_table(), allow_nan=False))
    assert table["log_prob"] is table["log10_prob"] is table["perplexity"] is None


def test_a_line_without_tokens_has_no_perplexity() -> None:
    score = line_score([])
    assert score.log_prob == 0
    with pytest.raises(EvaluationError, match="at least one token, but there is none"):
        _ = score.perplexity
    assert score.to_table()["perplexity"] is None


def shown(model: LoadedModel, line: str, *, eos: bool = True) -> list[str]:
    (score,) = score_lines(model, [line], ScoringOptions(eos=eos))
    return shown_tokens(model.tokenizer, score)


def test_tokens_are_shown_with_their_spelling() -> None:
    assert shown(small_model("word"), 'Zebra,  the "cat".') == ["Zebra", ",", "the", '"', "cat", '"', ".", "<eos>"]
    assert shown(small_model("word"), "the", eos=False) == ["the"]
    assert shown(small_model("character"), "a b") == ["a", "␣", "b", "<eos>"]
    assert shown(small_model(), "") == ["<eos>"]


def test_shown_tokens_have_no_control_characters() -> None:
    assert shown(small_model(), "the\x1b[2J cat\x07") == [r"the\x1b[2J", r"cat\x07", "<eos>"]
    assert shown(small_model(), "\u202ethe") == [r"\u202ethe", "<eos>"]


def test_it_is_shown_in_one_line() -> None:
    score = line_score([math.log(0.5), math.log(0.25)])
    assert repr(score) == "LineScore('a b', log_prob -2.079, 2 tokens)"
    assert len(repr(replace(score, text=1000 * "a\nb"))) < 80


sentences_of_ids = st.lists(
    st.lists(st.integers(0, 8), max_size=30).map(lambda ids: np.array(ids, np.int32)), max_size=40
)


def ranks_step_by_step(model: LoadedModel, sentence: TokenIds, first_input: int) -> list[int]:
    prediction, _ = model.engine.predict_window(
        np.array([[first_input, *sentence[:-1]]], np.int32), model.engine.start(1)
    )
    order = np.argsort(-prediction.log_probs[0], axis=-1, kind="stable")
    return [int(np.flatnonzero(row == token_id)[0]) + 1 for row, token_id in zip(order, sentence, strict=True)]


@pytest.mark.parametrize("few_shapes", [False, True])
@settings(max_examples=40)
@given(sentences=sentences_of_ids, first_input=st.integers(0, 8), most_tokens=st.integers(1, 80))
def test_batches_do_not_change_scores(
    few_shapes: bool, sentences: list[TokenIds], first_input: int, most_tokens: int
) -> None:
    model = small_model()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sentence_batches, "_MAX_TOKENS", most_tokens)
        patch.setattr(model.engine, "compiles_each_shape", few_shapes)
        found = score_sentences(model.engine, sentences, first_input=first_input)
    assert len(found) == len(sentences)
    for sentence, scores in zip(sentences, found, strict=True):
        expected = step_by_step(model.engine, sentence.tolist(), first_input)
        np.testing.assert_allclose(scores.log_probs, expected, atol=1e-5)
        if len(sentence):
            assert scores.ranks.tolist() == ranks_step_by_step(model, sentence, first_input)


def test_a_long_sentence_is_read_in_pieces(model: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentence_batches, "_MAX_TOKENS", 64)
    score_sentences(model.engine, [np.zeros(1000, np.int32), np.zeros(3, np.int32)], first_input=3)
    shapes = vars(model.engine)["shapes"]
    assert len(shapes) > 1000 / 64
    assert all(batch_size * num_steps <= 64 for batch_size, num_steps in shapes)


def test_a_large_vocabulary_limits_the_batch() -> None:
    class Wide(DistributionEngine):
        def start(self, batch_size: int) -> State:
            return None

        def predict_window(self, inputs: TokenIds, state: State) -> tuple[WindowPrediction, State]:
            raise NotImplementedError

        def score_window(
            self, inputs: TokenIds, targets: TokenIds, state: State, *, ranks: bool = True
        ) -> tuple[TokenScores, State]:
            assert inputs.size * self.vocabulary_size <= 20_000_000
            return TokenScores(np.zeros(inputs.shape, np.float32), np.ones(inputs.shape, np.int32)), state

    sentences = [np.zeros(length, np.int32) for length in range(1, 200)]
    for vocabulary_size in (10_000, 300_000):
        score_sentences(Wide(vocabulary_size=vocabulary_size, end_id=0), sentences, first_input=0)


def test_nan_is_refused(model: LoadedModel) -> None:
    vars(model.engine)["_output"][:, 2] = np.nan
    with pytest.raises(EvaluationError, match="must be a number, but is NaN"):
        score_sentences(model.engine, [np.array([1], np.int32)], first_input=3)
