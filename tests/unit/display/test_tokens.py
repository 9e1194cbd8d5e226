"""The colors of nextword: legible in both schemes, and written in one file only."""

import re
from itertools import product
from pathlib import Path

import pytest

from nextword.display.page import __file__ as page_file
from nextword.display.tokens import COLORS, SANS, SERIF

_SITE = Path(page_file).parent / "site"
_DOCS = Path(__file__).resolve().parents[3] / "docs"
_SCHEMES = (0, 1)
_PAPERS = ("paper", "raised", "ground")
_TEXT_ON_PAPER = [
    *product(("ink", "muted", "accent"), (*_PAPERS, "pale")),
    *product(("ghost", "blue", "orange", "violet", "olive"), ("paper", "raised")),
    *product(("ink",), ("highlight", "warn", "s1", "s2", "s3", "s4", "s5", "s6")),
    ("on-accent", "accent"),
    ("on-deep", "s7"),
]
_SHAPE_ON_PAPER = list(product(("edge", "quiet"), ("paper", "raised")))
_ON_ANY_GROUND = list(product(("any-quiet", "any-blue", "any-orange"), ("paper", "raised")))


def _contrast(first: str, second: str) -> float:
    """Return the contrast of two colors by WCAG 2, from 1 to 21."""
    low, high = sorted((_luminance(first), _luminance(second)))
    return (high + 0.05) / (low + 0.05)


def _luminance(color: str) -> float:
    shares = [value / 255 for value in bytes.fromhex(color[1:])]
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", _SCHEMES, ids=["light", "dark"])
@pytest.mark.parametrize(
    ("pairs", "least"), [(_TEXT_ON_PAPER, 4.5), (_SHAPE_ON_PAPER, 3), (_ON_ANY_GROUND, 3)], ids=["text", "shape", "any"]
)
def test_the_contrast_is_at_least_that_of_wcag_aa(pairs: list[tuple[str, str]], least: float, scheme: int) -> None:
    found = {f"{one} on {other}": _contrast(COLORS[one][scheme], COLORS[other][scheme]) for one, other in pairs}
    assert {names: round(ratio, 2) for names, ratio in found.items() if ratio < least} == {}


@pytest.mark.parametrize("path", [_SITE / "style.css", _DOCS / "stylesheets" / "extra.css"], ids=lambda path: path.name)
def test_a_style_sheet_takes_its_colors_and_fonts_from_the_tokens(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b(?![^{}]*\{)", text) == []
    assert {SANS.split(",")[0], SERIF.split(",")[0]}.isdisjoint(text)


def test_the_mark_has_colors_of_the_tokens() -> None:
    mark = (_SITE / "icons" / "nextword.svg").read_text(encoding="utf-8")
    assert set(re.findall(r"#\w{6}\b", mark)) == set(COLORS["accent"])
