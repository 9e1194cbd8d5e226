import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextword.text.reading.lines import split_lines
from nextword.text.tokens.line_ends import choose_line_ends, ends_open, segments

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
    assert choose_line_ends(PROSE) == "paragraph"


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
    assert choose_line_ends(lines) == "line"


@settings(deadline=None)
@given(st.lists(st.sampled_from(["", " ", "a", "b c"])))
def test_paragraphs_keep_every_word(lines: list[str]) -> None:
    assert " ".join(segments(lines, "paragraph")).split() == " ".join(lines).split()
