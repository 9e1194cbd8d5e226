import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from nextword.engine.text_model import TextModel
from nextword.errors import SettingError, TextError
from nextword.inference.rescoring import rescorer as hypothesis_scores
from nextword.inference.rescoring.nbest import Hypothesis, NbestList, NbestReader
from nextword.inference.rescoring.rescorer import (
    ScoredList,
    best_line,
    header_of,
    line_log_probs,
    lines_of,
    rescore,
    score_lists,
)
from nextword.inference.rescoring.weights import RescoringWeights
from support.nbest_lists import TOKENIZER, line_log_prob

TEXTS = ["the cats at", "the cat sat", "cat"]

HYPOTHESIS_SCORES_TEXTS = [
    "the cat sat",
    "",
    "the cats at the unheard",
    "cat",
    "sat sat sat sat sat sat sat sat sat",
    "the cat sat",
]

Read = Callable[..., tuple[NbestReader, list[NbestList]]]

WEIGHTS = RescoringWeights(model_weight=0.5, length_weight=0.25, first_pass_weights=(1.0,))


def test_hypotheses_are_sorted_by_total(toy_engine: Any) -> None:
    weights = RescoringWeights(model_weight=2.0, length_weight=-1.0)
    found = rescore(TextModel(toy_engine, TOKENIZER), TEXTS, [-1.0, -2, -3.0], weights)
    expected = {
        text: 2.0 * line_log_prob(text) - len(text.split()) - place for place, text in enumerate(TEXTS, start=1)
    }
    assert {each.text: each.total for each in found} == pytest.approx(expected, abs=1e-4)
    assert [each.text for each in found] == sorted(TEXTS, key=lambda text: -expected[text])
    assert found[0].log_prob == pytest.approx(line_log_prob(found[0].text), abs=1e-5)


def test_scores_may_be_numbers_of_numpy(toy_engine: Any) -> None:
    model, texts = TextModel(toy_engine, TOKENIZER), ["a", "b"]
    weights = RescoringWeights(first_pass_weights=(1.0,))
    scores: list[Any] = [*np.array([1.5, -2.0], np.float32)]
    assert rescore(model, texts, scores, weights) == rescore(model, texts, [1.5, -2.0], weights)


def test_a_hypothesis_can_have_several_scores(toy_engine: Any) -> None:
    weights = RescoringWeights(model_weight=0.0, first_pass_weights=(1.0, 10.0))
    found = rescore(TextModel(toy_engine, TOKENIZER), TEXTS, [(1.0, 0.1), (2.0, 0.2), (5.0, 0.0)], weights)
    assert [(each.text, each.total) for each in found] == [("cat", 5.0), ("the cat sat", 4.0), ("the cats at", 2.0)]


@pytest.mark.parametrize(
    ("texts", "scores", "message"),
    [
        ([], [], "but there are 0 hypotheses and 0 scores"),
        (["a"], [1.0, 2.0], "but there are 1 hypotheses and 2 scores"),
        (["a", "b"], [1.0, (1.0, 2.0)], r"must have the same number of scores, but have \[1, 2\]"),
        (["a"], [(1.0, 2.0)], "must have one value for each score"),
        (["a", "b"], [1.0, float("nan")], "a score must be a finite number, but one is not"),
    ],
)
def test_scores_that_do_not_suit_are_refused(
    toy_engine: Any, texts: list[str], scores: list[Any], message: str
) -> None:
    with pytest.raises(SettingError, match=message):
        rescore(TextModel(toy_engine, TOKENIZER), texts, scores, RescoringWeights(first_pass_weights=(1.0,)))


def listed(*texts: str, utterance: str = "u", scores: tuple[float, ...] = (1.5,)) -> NbestList:
    return NbestList(utterance, [Hypothesis(text, scores, {}) for text in texts])


def test_lists_keep_their_order_for_any_chunk_size(toy_engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    lists = [
        listed(*HYPOTHESIS_SCORES_TEXTS[place:], utterance=f"u{place}") for place in range(len(HYPOTHESIS_SCORES_TEXTS))
    ]
    for chunk in (1, 4, 1000):
        monkeypatch.setattr(hypothesis_scores, "_CHUNK", chunk)
        found = list(score_lists(TextModel(toy_engine, TOKENIZER), lists))
        assert [scored.nbest.utterance for scored in found] == [nbest.utterance for nbest in lists]
        for scored in found:
            expected = [line_log_prob(hypothesis.text) for hypothesis in scored.nbest.hypotheses]
            assert scored.log_probs.tolist() == pytest.approx(expected, abs=1e-5)


def test_only_one_chunk_is_in_memory(toy_engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hypothesis_scores, "_CHUNK", 2)
    read: list[int] = []

    def lists() -> Any:
        for place in range(10):
            read.append(place)
            yield listed("the cat", utterance=str(place))

    next(score_lists(TextModel(toy_engine, TOKENIZER), lists()))
    assert len(read) == 2


def test_features_are_log_probability_length_and_scores(toy_engine: Any) -> None:
    (scored,) = score_lists(TextModel(toy_engine, TOKENIZER), [listed("the cat", "", scores=(1.5, -2.0))])
    np.testing.assert_array_equal(scored.features()[:, 1:], [[2.0, 1.5, -2.0], [0.0, 1.5, -2.0]])
    np.testing.assert_array_equal(scored.features()[:, 0], scored.log_probs)
    (bare,) = score_lists(TextModel(toy_engine, TOKENIZER), [listed("the cat", scores=())])
    assert bare.features().shape == (1, 2)


def test_a_hypothesis_that_the_tokenizer_refuses_is_named(toy_engine: Any) -> None:
    with pytest.raises(TextError, match="a hypothesis of `u7` cannot be scored: `<eos>` is reserved"):
        list(score_lists(TextModel(toy_engine, TOKENIZER), [listed("the <eos>", utterance="u7")]))


def test_no_lines_give_no_log_probabilities(toy_engine: Any) -> None:
    assert line_log_probs(toy_engine, []).shape == (0,)


def written(reader: NbestReader, lists: Sequence[NbestList], log_probs: Sequence[float]) -> list[str]:
    scored = ScoredList(lists[0], np.array(log_probs))
    return [*header_of(reader.format), *lines_of(scored, WEIGHTS, reader.format)]


def test_a_table_is_written_with_three_more_columns(read_lists: Read) -> None:
    reader, lists = read_lists("utterance\ttext\tacoustic\nu1\tthe cats at\t-2.0\nu1\tthe cat sat\t-2.50\n")
    assert written(reader, lists, [-8.0, -4.0]) == [
        "utterance\ttext\tacoustic\tlog_prob\ttotal\trank",
        "u1\tthe cat sat\t-2.50\t-4.000000\t-3.750000\t1",
        "u1\tthe cats at\t-2.0\t-8.000000\t-5.250000\t2",
    ]


def test_a_table_without_a_header_gets_none(read_lists: Read) -> None:
    reader, lists = read_lists("u1\tthe cat\t-2\n")
    assert written(reader, lists, [-8.0]) == ["u1\tthe cat\t-2\t-8.000000\t-5.500000\t1"]


def test_json_lines_keep_their_fields(read_lists: Read) -> None:
    line = {"utterance": "ü", "s": -2, "text": "the cat", "time": [0.5]}
    reader, lists = read_lists(json.dumps(line) + "\n", ["s"])
    (out,) = written(reader, lists, [-8.0])
    assert json.loads(out) == {**line, "log_prob": -8.0, "total": -5.5, "rank": 1}
    assert "ü" in out


def test_ties_keep_the_order_of_the_first_pass(read_lists: Read) -> None:
    reader, lists = read_lists("".join(f"u1\tthe {word}\t1\n" for word in ("cat", "cats", "at")))
    texts = [line.split("\t")[1] for line in written(reader, lists, [-3.0, -3.0, -3.0])]
    assert texts == ["the cat", "the cats", "the at"]


def test_only_the_best_can_be_written(read_lists: Read) -> None:
    for text, expected in (
        ("u1\tthe cats at\t-2\nu1\tthe cat sat\t-3\n", "u1\tthe cat sat"),
        (
            '{"utterance": "u1", "text": "cat", "s": -2}\n{"utterance": "u1", "text": "sat", "s": -3}\n',
            '{"utterance": "u1", "text": "sat"}',
        ),
    ):
        reader, lists = read_lists(text)
        assert best_line(ScoredList(lists[0], np.array([-8.0, -4.0])), WEIGHTS, reader.format) == expected
