import random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nextword.text.options import LineEnds, TokenizerKind
from nextword.text.reading.lines import split_lines
from nextword.text.tokens.pre_tokens import LineRuns, ends_open, normalize, pre_tokens, segments, slices, tidy
from support.library_cuts import library_pre_tokens
from support.small_tokenizers import WAYS

KINDS: list[TokenizerKind] = ["pretokenized", "word", "subword", "character"]
TEXT = st.text() | st.text("aZ0_é\u0301 '\u2019\",.-\t\xa0\u3000漢")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("He said, I do.", ["He", "said", ", ", "I", "do", "."]),
        ('He said "no" to', ["He", "said", ' "', "no", '" ', "to"]),
        ("don't o\u2019clock rock'n'roll", ["don't", "o\u2019clock", "rock'n'roll"]),
        ("'tis boys' 'a", ["'", "tis", "boys", "' ", "'", "a"]),
        ("a''b", ["a", "'", "'", "b"]),
        ("well-known day--and", ["well", "-", "known", "day", "-", "-", "and"]),
        ("a - b", ["a", " - ", "b"]),
        ("a , , b", ["a", " , ", ", ", "b"]),
        ("_very_ x1 1,000", ["_very_", "x1", "1", ",", "000"]),
        ("cafe\u0301 naïve 漢字", ["cafe\u0301", "naïve", "漢字"]),
        ("<unk> <eos>", ["<", "unk", "> ", "<", "eos", ">"]),
    ],
)
def test_words_and_punctuation_of_running_text(text: str, expected: list[str]) -> None:
    assert pre_tokens(text, "word") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('He said, "I do--no."', ["He", " said", ",", ' "', "I", " do", "--", "no", '."']),
        ("don't 'tis boys' 'a", ["don't", " '", "tis", " boys", "'", " '", "a"]),
        ("f(x) := 12_000", ["f", "(", "x", ")", " :=", " 12_000"]),
        ("cafe\u0301 漢字", ["cafe\u0301", " 漢字"]),
        (" " + "a" * 130 + "!" * 65, [" " + "a" * 64, "a" * 64, "aa", "!" * 64, "!"]),
    ],
)
def test_words_and_rows_of_marks_have_the_space_before_them(text: str, expected: list[str]) -> None:
    assert pre_tokens(text, "subword") == expected


@settings(deadline=None)
@given(TEXT)
def test_pieces_of_subwords_make_up_the_text(text: str) -> None:
    segment = tidy(text.replace("\n", " ").replace("\r", " "), "subword")
    assert "".join(pre_tokens(segment, "subword")) == segment


def test_pretokenized_text_is_cut_at_spaces_alone() -> None:
    assert pre_tokens("<unk> n't $ a\xa0b", "pretokenized") == ["<unk>", "n't", "$", "a\xa0b"]


@settings(deadline=None)
@given(st.text())
def test_each_character_is_a_piece(text: str) -> None:
    assert pre_tokens(text, "character") == list(text)


@pytest.mark.parametrize("kind", KINDS)
def test_pre_tokens_are_those_of_the_library(kind: TokenizerKind) -> None:
    draw = random.Random(kind)
    for number in range(25_000):
        text = "".join(draw.choices("aabbZ0_é\u0301 ''\u2019\",.-€\xa0漢\U0001f600   ", k=draw.choice([3, 9, 20, 80])))
        text = tidy(text + draw.choice("a-'") * draw.randrange(60, 200) if number % 99 == 0 else text, kind)
        assert pre_tokens(text, kind) == library_pre_tokens(text, kind)


@settings(deadline=None)
@given(TEXT)
def test_pretokenized_pieces_are_those_of_splitting_at_ascii_white_space(text: str) -> None:
    expected = [part.decode("utf-8") for part in text.encode("utf-8").split()]
    assert pre_tokens(tidy(text.replace("\n", " ").replace("\r", " "), "pretokenized"), "pretokenized") == expected


@settings(deadline=None)
@given(TEXT)
def test_tidy_running_text_has_the_words_of_split_and_single_spaces(text: str) -> None:
    assert tidy(text, "word") == " ".join(text.split())


@settings(deadline=None)
@given(TEXT, st.sampled_from(KINDS), st.integers(1, 8))
def test_slices_have_the_pieces_of_the_whole(text: str, kind: TokenizerKind, size: int) -> None:
    assume(kind != "pretokenized" or "\n" not in text)  # its segments are lines
    segment = tidy(text, kind)
    assert [piece for part in slices(segment, kind, size) for piece in pre_tokens(part, kind)] == pre_tokens(
        segment, kind
    )


@pytest.mark.parametrize(("kind", "longest"), [("pretokenized", 14), ("word", 14), ("subword", 14), ("character", 10)])
def test_long_segments_are_sliced(kind: TokenizerKind, longest: int) -> None:
    assert max(map(len, slices("word " * 100, kind, 10))) == longest


def test_normalization_by_line_keeps_blank_lines() -> None:
    assert normalize(" a \t b \r\n\r\n c") == "a b\n\nc"


def test_normalization_by_paragraph_keeps_one_blank_line() -> None:
    assert normalize("\n\na\nb\n\n\n \nc\n", "word", "paragraph") == "a b\n\nc"
    assert normalize("a\n\n\n", "word", "paragraph") == "a\n\n"


def test_characters_are_kept_but_for_the_form_of_line_ends() -> None:
    assert normalize(" a \t\u2028\r\nb", "character") == " a \t\u2028\nb"


@settings(deadline=None)
@given(TEXT | st.text("a, \n\r\t"), st.sampled_from(WAYS))
def test_normalization_is_idempotent(text: str, way: tuple[TokenizerKind, LineEnds]) -> None:
    once = normalize(text, *way)
    assert normalize(once, *way) == once


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
