import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.text.tokens.line_runs import LineRuns


def test_runs_are_those_between_blank_lines() -> None:
    assert LineRuns.of(["a", "b", "", " \t", "c", "\N{NO-BREAK SPACE}", "d", "e", "f"]) == LineRuns(
        num_lines=9, num_blank=3, num_runs=3, num_long_runs=2, first=2, last=3, num_characters=6
    )
    assert LineRuns.of(["", " Ab ", ""]) == LineRuns(
        num_lines=3, num_blank=2, num_runs=1, num_capital=1, num_characters=2
    )
    assert LineRuns.of([]) == LineRuns()


LINES = st.lists(st.sampled_from(["a", "A b", "", " \t"]), max_size=12)


@given(LINES, LINES, LINES)
def test_counts_add_up_wherever_lines_are_parted(first: list[str], second: list[str], third: list[str]) -> None:
    whole = LineRuns.of([*first, *second, *third])
    assert (LineRuns.of(first) + LineRuns.of(second)) + LineRuns.of(third) == whole
    assert LineRuns.of(first) + (LineRuns.of(second) + LineRuns.of(third)) == whole


def test_lines_are_wrapped_if_most_runs_between_blank_lines_are_long() -> None:
    assert LineRuns.of(["a", "b", "", "c", "d"]).are_wrapped
    assert not LineRuns.of(["a", "", "c", "d"]).are_wrapped
    assert not LineRuns.of(["a", "b"] * 50 + [""]).are_wrapped
    assert not LineRuns().are_wrapped


WRAPPED = [
    "She was walking on the lawn, and had much to say to her sister",
    "about the ball and the rain, but nobody was there to listen, and",
    "the carriage had gone. It was late.",
    "",
]
VERSE = ["The rain comes down upon the hill,", "And all the little birds are still;", "O rain,", "Be gone!", ""]


def test_verse_is_not_wrapped() -> None:
    assert LineRuns.of(WRAPPED * 9).are_wrapped
    assert not LineRuns.of(VERSE * 9).are_wrapped
    assert not LineRuns.of(["HELENA.", *VERSE] * 9).are_wrapped
    assert not LineRuns.of(WRAPPED * 2 + VERSE * 9).are_wrapped


def test_a_script_without_capitals_is_no_verse() -> None:
    assert LineRuns.of(["\u6f22\u5b57" * 30, "\u5b57\u6f22" * 9, ""] * 9).are_wrapped


@pytest.mark.parametrize(
    ("lines", "is_close"),
    [
        (WRAPPED, False),
        (VERSE, True),
        ([line.lower() for line in VERSE], True),
        (WRAPPED + VERSE, True),
        (["A sentence."] * 50, False),
        (["A paragraph on one long line.", ""] * 50, False),
        ([*["A heading", ""] * 10, *WRAPPED * 9], True),
        ([*["A heading", ""] * 50, *WRAPPED * 9], False),
    ],
    ids=["prose", "verse", "without capitals", "both", "sentences", "long lines", "many headings", "mostly headings"],
)
def test_a_choice_is_close_if_the_other_may_be_right(lines: list[str], *, is_close: bool) -> None:
    assert LineRuns.of(lines * 9).is_close is is_close
