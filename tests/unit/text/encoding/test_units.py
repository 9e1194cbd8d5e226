from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextword.text.encoding import units as units_module
from nextword.text.encoding.units import LINE_END, TidySegments, tidied_lines, unit_numbers
from nextword.text.options import LineEnds, TokenizerKind
from nextword.text.reading.lines import split_lines
from nextword.text.tokens.pre_tokens import pre_tokens, segments, tidy
from support.small_tokenizers import WAYS

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")) | st.text(
    "aZ0_é\u0301 '\u2019\",.-\t\xa0\u3000\u2028漢𐐀\u0660\n\n\r"
)


def units_of(chunks: list[str], kind: TokenizerKind, line_ends: LineEnds) -> list[str]:
    segments_of, numbers = TidySegments(kind, line_ends), unit_numbers(kind)
    parts = [part for chunk in chunks for part in segments_of.of(chunk)]
    found = [number for part in (*parts, *segments_of.rest()) for number in numbers.of(part).tolist()]
    units = [LINE_END, *numbers.units()]
    assert len(set(units)) == len(units)
    return [units[number] for number in found]


def pieces_by_segment(text: str, kind: TokenizerKind, line_ends: LineEnds) -> list[str]:
    """The definition: each line or paragraph made tidy, cut and ended."""
    lines = split_lines(text)
    found: list[str] = []
    for segment in segments(lines[:-1] if not lines[-1] else lines, line_ends):
        found += [*pre_tokens(tidy(segment, kind), kind), LINE_END]
    return found


def pieces_of(units: list[str], kind: TokenizerKind) -> list[str]:
    if kind != "subword":
        return units
    return [piece for unit in units for piece in ([unit] if unit == LINE_END else pre_tokens(unit, kind))]


def in_chunks(text: str, places: list[int]) -> list[str]:
    """Cut a text after some of its lines; a chunk has whole lines."""
    lines = text.splitlines(keepends=True) if "\r" not in text and text.isascii() else [text]
    stops = sorted({0, len(lines), *(place % (len(lines) + 1) for place in places)})
    return ["".join(lines[start:stop]) for start, stop in pairwise(stops)]


@pytest.mark.parametrize(("kind", "line_ends"), WAYS)
@settings(max_examples=200)
@given(text=TEXT)
def test_units_are_the_pieces_of_the_segments(text: str, kind: TokenizerKind, line_ends: LineEnds) -> None:
    assert pieces_of(units_of([text], kind, line_ends), kind) == pieces_by_segment(text, kind, line_ends)


@pytest.mark.parametrize(("kind", "line_ends"), WAYS)
@given(text=st.text("ab ',.\n\n\n"), places=st.lists(st.integers(0, 20)))
def test_chunks_do_not_show(text: str, places: list[int], kind: TokenizerKind, line_ends: LineEnds) -> None:
    assert units_of(in_chunks(text, places), kind, line_ends) == units_of([text], kind, line_ends)


@pytest.mark.parametrize(("kind", "line_ends"), WAYS)
@given(text=st.text("ab ',.\n"), size=st.integers(1, 9))
def test_slices_do_not_show(text: str, size: int, kind: TokenizerKind, line_ends: LineEnds) -> None:
    whole = units_of([text], kind, line_ends)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(units_module, "_SLICE", size)
        assert units_of([text], kind, line_ends) == whole


def test_every_character_is_of_one_class() -> None:
    characters = [chr(point) for point in range(0x20, 0x110000, 7) if not 0xD800 <= point < 0xE000]
    text = "\n".join(f"a{character}b" for character in characters)
    assert units_of([text], "word", "line") == pieces_by_segment(text, "word", "line")


def test_a_long_line_is_cut_in_parts_of_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units_module, "_SLICE", 100)
    parts = list(TidySegments("word", "line").of("word " * 1000 + "\n"))
    assert max(map(len, parts)) < 250
    assert " ".join(parts).split() == ["word"] * 1000


@given(text=st.text("a \t\xa0\r\n"))
def test_tidy_lines_are_those_of_tidy(text: str) -> None:
    lines = split_lines(text)
    expected = [tidy(line, "word") for line in (lines[:-1] if not lines[-1] else lines)]
    assert tidied_lines(text, "word") == "".join(f"{line}\n" for line in expected)
