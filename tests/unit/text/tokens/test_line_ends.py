import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextword.text.reading.lines import split_lines
from nextword.text.tokens.line_ends import LineRuns, ends_open, segments

PROSE = ["It is a truth", "universally acknowledged", "", "", "that a single man", "in possession", ""]


def test_a_line_is_a_segment_and_so_is_a_blank_one() -> None:
    assert list(segments(["a", "", "b"], "line")) == ["a", "", "b"]


def test_paragraphs_are_joined_and_runs_of_blank_lines_are_one_end() -> None:
    lines = ["", " ", "a", "b ", "", "\t", "c"]
    assert list(segments(lines, "paragraph")) == ["a b ", "c"]


@pytest.mark.parametrize(
    ("text", "is_open"),
    [
        ("a", True),
        ("a\n", True),
        ("a\nb", True),
        ("a\n\n", False),
        ("a\n \n", False),
        ("a\n\n\n", False),
        ("\n\nb", True),
    ],
)
def test_a_paragraph_waits_for_its_blank_line(text: str, is_open: bool) -> None:
    assert ends_open(split_lines(text), "paragraph") is is_open


def test_the_last_line_always_waits_for_its_end() -> None:
    assert ends_open([""], "line")


def test_hard_wrapped_prose_is_read_by_paragraph() -> None:
    assert LineRuns.of(PROSE).line_ends == "paragraph"


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["one sentence", "a line"] * 50,
        ["a paragraph on one long line", ""] * 50,
        [*["text"] * 99, "", "text"],
        ["Rain, come down", "And wet the lawn", "", "HELENA.", "My lord,", "I am", ""] * 50,
    ],
    ids=["nothing", "no blank line", "blank lines between single lines", "one blank line in a hundred", "verse"],
)
def test_other_text_is_read_by_line(lines: list[str]) -> None:
    assert LineRuns.of(lines).line_ends == "line"


@settings(deadline=None)
@given(st.lists(st.sampled_from(["", " ", "a", "b c"])))
def test_paragraphs_keep_every_word(lines: list[str]) -> None:
    assert " ".join(segments(lines, "paragraph")).split() == " ".join(lines).split()


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
