import json
import math
import statistics
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextword.engine.text_model import LoadedModel
from nextword.errors import SettingError
from nextword.scoring import surprise
from nextword.scoring.lines import LineScore, ScoringOptions, score_lines
from nextword.scoring.surprise import Measure, most_surprising_lines, surprising_lines

Model = Callable[..., LoadedModel]

lines_of_text = st.lists(
    st.lists(st.sampled_from(["the", "cat", "dog", "sat", "."]), max_size=6).map(" ".join), max_size=12
)


def measured(model: LoadedModel, lines: list[str], measure: Measure, *, eos: bool = True) -> list[float]:
    by_name: dict[Measure, Callable[[list[float]], float]] = {"mean": statistics.fmean, "max": max, "sum": sum}
    scores = score_lines(model, lines, ScoringOptions(eos=eos))
    bits = [[-log_prob / math.log(2) for log_prob in score.log_probs.tolist()] for score in scores]
    return [by_name[measure](of_line) if of_line else -math.inf for of_line in bits]


@pytest.mark.parametrize("measure", ["mean", "max", "sum"])
@settings(max_examples=30)
@given(lines=lines_of_text, k=st.integers(1, 6), threshold=st.sampled_from([0.0, 3.0, 10.0]))
def test_the_most_surprising_lines_match_a_full_sort(
    small_model: Model, measure: Measure, lines: list[str], k: int, threshold: float
) -> None:
    model = small_model()
    bits = measured(model, lines, measure)
    expected = [number for number, of_line in enumerate(bits, start=1) if of_line >= threshold]
    found = most_surprising_lines(model, lines, k, measure=measure, threshold=threshold)
    assert len(found) == min(k, len(expected))
    assert [line.bits for line in found] == pytest.approx(
        sorted((bits[number - 1] for number in expected), reverse=True)[:k], abs=1e-4
    )
    for line in found:
        assert line.text == lines[line.number - 1]
        assert line.bits == pytest.approx(bits[line.number - 1], abs=1e-4)
    in_order = list(surprising_lines(model, lines, measure=measure, threshold=threshold))
    assert [line.number for line in in_order] == expected


def test_the_surprising_words_have_their_position(small_model: Model) -> None:
    model = small_model("word")
    (line,) = most_surprising_lines(model, ["the zebra sat, the cat"], num_words=3)
    (score,) = score_lines(model, ["the zebra sat, the cat"])
    names = ["the", "zebra", "sat", ",", "the", "cat", "<eos>"]
    order = sorted(range(7), key=lambda index: score.log_probs[index])[:3]
    assert [(token.token, token.position) for token in line.tokens] == [(names[index], index + 1) for index in order]
    assert [token.bits for token in line.tokens] == pytest.approx([score.bits[index] for index in order])
    assert all(token.is_known == (token.position != 2) for token in line.tokens)


def test_of_ties_the_earlier_line_comes_first(small_model: Model) -> None:
    model = small_model()
    options = ScoringOptions(read_ahead=1)
    lines = ["the cat"] * 5
    found = most_surprising_lines(model, lines, 3, options=options)
    assert [line.number for line in found] == [1, 2, 3]


def test_only_k_lines_are_in_memory(small_model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    model = small_model()
    alive: weakref.WeakSet[LineScore] = weakref.WeakSet()
    most_alive = 0

    def watched(*arguments: Any) -> Iterator[LineScore]:
        nonlocal most_alive
        for score in score_lines(*arguments):
            alive.add(score)
            most_alive = max(most_alive, len(alive))
            yield score

    monkeypatch.setattr(surprise, "score_lines", watched)
    lines = ("the cat " * (number % 5) for number in range(300))
    found = most_surprising_lines(model, lines, 20, measure="sum")
    assert len(found) == 20
    assert most_alive <= 3  # the current one, and those that the loops still hold


def test_lines_without_tokens_are_skipped(small_model: Model) -> None:
    model = small_model()
    options = ScoringOptions(eos=False)
    found = most_surprising_lines(model, ["", "the", ""], options=options)
    assert [line.number for line in found] == [2]


def test_a_table_is_json(small_model: Model) -> None:
    model = small_model()
    (line,) = most_surprising_lines(model, ["the cat"], num_words=1)
    table = json.loads(json.dumps(line.to_table(), allow_nan=False))
    assert table["text"] == "the cat"
    assert table["tokens"][0].keys() == {"token", "bits", "position", "is_known"}


def test_numbers_out_of_range_are_refused(small_model: Model) -> None:
    model = small_model()
    with pytest.raises(SettingError, match="`k` must be at least 1, but is 0"):
        most_surprising_lines(model, [], 0)
    with pytest.raises(SettingError, match="`num_words` must be at least 0, but is -1"):
        surprising_lines(model, [], num_words=-1)
