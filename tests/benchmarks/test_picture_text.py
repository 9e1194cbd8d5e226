from functools import cache
from pathlib import Path

import matplotlib
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.ft2font import FT2Font

from harness.picture_text import ELLIPSIS, shortened, text_width

FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
LETTERS = st.text(st.characters(min_codepoint=32, max_codepoint=0x17F, exclude_categories=["Cc", "Cf"]), max_size=40)
ANY_TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=60)


def drawn_width(text: str, *, bold: bool) -> float:
    """Return the width of a text of size 1 in DejaVu Sans."""
    return sum(font_of(bold).load_char(ord(character)).linearHoriAdvance / 65536 / 100 for character in text)


@cache
def font_of(bold: bool) -> FT2Font:
    font = FT2Font(str(FONTS / f"DejaVuSans{'-Bold' * bold}.ttf"))
    font.set_size(100, 72)
    return font


@given(text=LETTERS, bold=st.booleans())
def test_no_text_is_wider_than_estimated(text: str, bold: bool) -> None:
    assert drawn_width(text, bold=bold) <= text_width(text, 1, bold=bold) + 1e-9


def test_the_estimate_is_not_much_too_wide() -> None:
    text = "It is a truth universally acknowledged, that a single man in possession of a good fortune"
    assert text_width(text, 1) < 1.12 * drawn_width(text, bold=False)


@given(text=ANY_TEXT, room=st.floats(0, 300), size=st.floats(5, 30), bold=st.booleans())
def test_a_shortened_text_fits_and_is_a_beginning(text: str, room: float, size: float, bold: bool) -> None:
    short = shortened(text, room, size, bold=bold)
    assert text_width(short, size, bold=bold) <= room
    assert short == text or text.startswith(short.removesuffix(ELLIPSIS))


@pytest.mark.parametrize(("room", "expected"), [(0, ""), (10, ELLIPSIS), (24, "it…"), (1000, "it was")])
def test_what_is_left_of_a_text(room: float, expected: str) -> None:
    assert shortened("it was", room, 10) == expected
