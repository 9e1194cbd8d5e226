import json
import math
import statistics
import textwrap
import weakref
from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nextword
from nextword.engine.text_model import LoadedModel
from nextword.errors import SettingError
from nextword.inference.scoring import surprise
from nextword.inference.scoring.lines import LineScore, ScoringOptions, score_lines
from nextword.inference.scoring.surprise import Measure, most_surprising_lines, surprising_lines
from nextword.text.options import TokenizerKind
from support.small_model import small_model

lines_of_text = st.lists(
    st.lists(st.sampled_from(["the", "cat", "dog", "sat", "."]), max_size=6).map(" ".join), max_size=12
)


def measured(model: LoadedModel, lines: list[str], measure: Measure, *, eos: bool = True) -> list[float]:
    by_name: dict[Measure, Callable[[list[float]], float]] = {"mean": statistics.fmean, "max": max, "sum": sum}
    scores = score_lines(model, [line for line in lines if line], ScoringOptions(eos=eos, spell=False))
    bits = [[-log_prob / math.log(2) for log_prob in score.log_probs.tolist()] for score in scores]
    return [by_name[measure](of_line) for of_line in bits]


@pytest.mark.parametrize("measure", ["mean", "max", "sum"])
@settings(max_examples=30)
@given(lines=lines_of_text, k=st.integers(1, 6), threshold=st.sampled_from([0.0, 3.0, 10.0]))
def test_the_most_surprising_lines_match_a_full_sort(
    measure: Measure, lines: list[str], k: int, threshold: float
) -> None:
    model = small_model()
    options = ScoringOptions(spell=False)
    numbers = [number for number, line in enumerate(lines, start=1) if line]
    bits = dict(zip(numbers, measured(model, lines, measure), strict=True))
    expected = [number for number in numbers if bits[number] >= threshold]
    found = most_surprising_lines(model, lines, k, measure=measure, threshold=threshold, options=options)
    assert len(found) == min(k, len(expected))
    assert [line.bits for line in found] == pytest.approx(
        sorted((bits[number] for number in expected), reverse=True)[:k], abs=1e-4
    )
    for line in found:
        assert line.text == lines[line.number - 1]
        assert line.bits == pytest.approx(bits[line.number], abs=1e-4)
    in_order = list(surprising_lines(model, lines, measure=measure, threshold=threshold, options=options))
    assert [line.number for line in in_order] == expected


def test_the_surprising_words_have_their_position() -> None:
    model = small_model("word")
    (line,) = most_surprising_lines(model, ["the zebra sat, the cat"], num_words=3)
    (score,) = score_lines(model, ["the zebra sat, the cat"])
    names = ["the", "zebra", "sat", ",", "the", "cat", "<eos>"]
    order = sorted(range(7), key=lambda index: score.log_probs[index])[:3]
    assert [(token.token, token.position) for token in line.tokens] == [(names[index], index + 1) for index in order]
    assert [token.bits for token in line.tokens] == pytest.approx([score.bits[index] for index in order])
    assert all(token.is_known == (token.position != 2) for token in line.tokens)


def test_of_ties_the_earlier_line_comes_first(model: LoadedModel) -> None:
    lines = ["the cat"] * 5
    found = most_surprising_lines(model, lines, 3, options=ScoringOptions(read_ahead=1))
    assert [line.number for line in found] == [1, 2, 3]


def test_a_bounded_number_of_lines_is_in_memory(model: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    alive: weakref.WeakSet[LineScore] = weakref.WeakSet()
    most_alive = 0

    def watched(*arguments: Any, **options: Any) -> Iterator[LineScore]:
        nonlocal most_alive
        for score in score_lines(*arguments, **options):
            alive.add(score)
            most_alive = max(most_alive, len(alive))
            yield score

    monkeypatch.setattr(surprise, "score_lines", watched)
    lines = ("the cat " * (1 + number % 5) for number in range(300))
    found = most_surprising_lines(model, lines, 2, measure="sum")
    assert len(found) == 2
    assert most_alive <= 2 * 50 + 3  # the current one, and those that the loops still hold


def test_lines_without_tokens_are_skipped(model: LoadedModel) -> None:
    found = most_surprising_lines(model, ["", "the", ""], options=ScoringOptions(eos=False))
    assert [line.number for line in found] == [2]


def test_a_table_is_json(model: LoadedModel) -> None:
    (line,) = most_surprising_lines(model, ["the cat"], num_words=1)
    table = json.loads(json.dumps(line.to_table(), allow_nan=False))
    assert table["text"] == "the cat"
    assert table["tokens"][0].keys() == {"token", "bits", "position", "is_known"}


def test_numbers_out_of_range_are_refused(model: LoadedModel) -> None:
    with pytest.raises(SettingError, match="`k` must be at least 1, but is 0"):
        most_surprising_lines(model, [], 0)
    with pytest.raises(SettingError, match="`num_words` must be at least 0, but is -1"):
        surprising_lines(model, [], num_words=-1)


PLANTED = (
    "Blorp zzyzx qwerty flarp.",
    "She telephoned the email quickly.",
    "Lorem ipsum dolor sit amet consectetur.",
    "The server crashed because the database was full.",
    "Il etait une fois une princesse.",
    "Teh cat sta on hte mta.",
    "He downloaded the app on his phone.",
    "Very very of is the to not.",
    "The patient was administered 50 mg of ibuprofen intravenously.",
    "Her eyes was blue like two carburettors.",
)


def paragraphs_of_a_novel() -> list[str]:
    """The end of a novel, which the sample model was not trained on."""
    novel = files("nextword.text").joinpath("samples/austen.txt").read_text(encoding="utf-8")
    return [" ".join(part.split()) for part in novel[int(0.97 * len(novel)) :].split("\n\n") if part.strip()]


def wrapped(paragraphs: list[str]) -> list[str]:
    return "\n\n".join(textwrap.fill(paragraph, 70) for paragraph in paragraphs).splitlines()


@pytest.fixture(scope="module")
def novel_with_errors() -> list[str]:
    """A novel with ten sentences that do not belong there."""
    paragraphs = paragraphs_of_a_novel()
    for place, sentence in enumerate(PLANTED):
        paragraphs[7 + 20 * place] += f" {sentence} So it was."
    return wrapped(paragraphs)


def misspelled(paragraph: str) -> tuple[str, str]:
    """Return a paragraph in which two letters of a word have changed places, and that word."""
    words = paragraph.split()
    place = next(place for place, word in enumerate(words) if place > 4 and len(word) > 5 and word.islower())
    word = words[place] = words[place][:2] + words[place][3:1:-1] + words[place][4:]
    return " ".join(words), word


def test_misspelled_words_in_a_novel_are_among_the_twenty_most_surprising_places() -> None:
    paragraphs, errors = paragraphs_of_a_novel(), []
    long = [index for index, paragraph in enumerate(paragraphs) if len(paragraph) > 200]
    for index in long[:: len(long) // 10][:10]:
        paragraphs[index], error = misspelled(paragraphs[index])
        errors.append(error)
    found = nextword.load("austen").surprising_lines(wrapped(paragraphs), k=20)
    assert sum(any(error in line.text for line in found) for error in errors) >= 8


def test_errors_planted_in_a_novel_are_among_the_twenty_most_surprising_sentences(novel_with_errors: list[str]) -> None:
    found = nextword.load("austen").surprising_lines(novel_with_errors, k=20)
    assert sum(any(sentence in line.text for line in found) for sentence in PLANTED) >= 8
    for line in found:
        assert line.text[:10] in " ".join(novel_with_errors[line.number - 1 : line.number + 1])
        assert "<eos>" not in [token.token for token in line.tokens]


def test_an_unknown_word_that_comes_again_costs_less(model: LoadedModel) -> None:
    once, again, *_ = surprising_lines(model, ["the zyxq", "the zyxq", "the cat"], measure="sum", threshold=-1e9)
    assert again.bits < once.bits
    ranked = most_surprising_lines(model, ["the zyxq", "the zyxq", "the vwpr"], measure="max")
    assert ranked[0].number == 3


@pytest.mark.parametrize("kind", ["word", "pretokenized"])
def test_an_odd_place_makes_a_line_of_words_surprising(kind: TokenizerKind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surprise, "_PLACE_WEIGHT", 1e6)
    (line,) = surprising_lines(small_model(kind), ["the cat sat on the zzyzx"], measure="excess")
    assert line.bits > 1e5


def test_the_excess_is_by_how_rare_a_word_is(model: LoadedModel) -> None:
    (line,) = most_surprising_lines(model, ["the zyxq"], options=ScoringOptions(eos=False, spell=False), num_words=9)
    bits = {token.position: token.bits for token in line.tokens}
    size = model.tokenizer.vocabulary_size
    shares = [1 / (rank + 2.7) for rank in range(size)]
    own = -math.log2(shares[model.tokenizer.vocabulary.id_of("the")] / sum(shares))
    known = bits[1] - own + 3.3
    # The mean, or the oddest place, in which a word that is no typing error does not count.
    assert line.bits == pytest.approx(max((known + bits[2] - 24 + 3.3) / 5, surprise._PLACE_WEIGHT * known), abs=1e-4)
