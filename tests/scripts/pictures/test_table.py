"""Every SVG of the documentation is drawn by code in the repository, and can be read by everybody."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from harness.chart import Line, Panel, bars, lines
from pictures.table import DOCS, PICTURES

REPOSITORY = DOCS.parent
IMAGES = DOCS / "images"
PAGES = [REPOSITORY / "README.md", *sorted(DOCS.rglob("*.md"))]
SHOWN = re.compile(r"!\[(?P<alt>[^\]]*)\]\((?P<target>[^)\s]+)\)")
MIN_WORDS = 5
ANIMATION = "readme.svg"
"""The picture that `scripts/readme_animation.py` writes."""

SVG = "{http://www.w3.org/2000/svg}"

ALL = pytest.mark.parametrize("picture", PICTURES)


@ALL
def test_a_picture_is_drawn_again_to_the_same_bytes(picture: str) -> None:
    drawn = PICTURES[picture]()
    assert (IMAGES / picture).read_text(encoding="utf-8") == drawn, "run `make pictures`"


def test_the_table_has_every_picture_once() -> None:
    found = sorted(path.relative_to(IMAGES).as_posix() for path in IMAGES.rglob("*.svg"))
    assert sorted([ANIMATION, *PICTURES]) == found


@ALL
def test_a_picture_has_a_title_and_colors_for_dark_pages(picture: str) -> None:
    root = ElementTree.parse(IMAGES / picture).getroot()  # noqa: S314 - our own picture
    assert root.get("role") == "img"
    assert len((root.findtext(f"{SVG}title") or "").split()) >= MIN_WORDS
    assert "prefers-color-scheme:dark" in (root.findtext(f"{SVG}style") or "")
    assert root.find(f".//{SVG}text") is not None


@ALL
def test_no_color_is_the_same_on_light_and_dark_pages(picture: str) -> None:
    written = (IMAGES / picture).read_text(encoding="utf-8")
    _, _, drawn = written.partition("</style>")
    used = set(re.findall(r"(?:fill|stroke): ([^;\"]+)", drawn))
    assert {name for name in used if not name.startswith("var(--")} <= {"none"}
    assert not re.search(r"(?:fill|stroke)=", drawn)


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(REPOSITORY)) for page in PAGES])
def test_a_page_says_what_its_pictures_show_and_what_draws_them(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    known = {(IMAGES / picture).resolve() for picture in PICTURES}
    for found in SHOWN.finditer(text):
        assert len(found["alt"].split()) >= MIN_WORDS, found[0]
        if (page.parent / found["target"]).resolve() in known and "learn" in page.parts:
            below = text[found.end() :].lstrip().splitlines()[0]
            assert below.startswith("Drawn by `make pictures`"), found[0]


def texts(svg: str) -> list[str]:
    return ["".join(text.itertext()) for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]  # noqa: S314


def widths(svg: str, hue: str) -> list[float]:
    """Return the widths of the bars of a color."""
    return [float(width) for width in re.findall(rf'<rect class="{hue}" [^>]*width="([\d.]+)"', svg)]


def test_bars_are_as_long_as_their_values() -> None:
    values = [10, 20, 40, -10]
    svg = bars(["a", "b & c", "d", "e"], values, title="A chart", x_label="length", emphasized=["d"])
    assert {"a", "b & c", "d", "10.0", "20.0", "40.0", "-10.0", "length"} <= set(texts(svg))
    quiet, (accent,), (negative,) = (widths(svg, hue) for hue in ("quiet", "accent", "orange"))
    assert [each / quiet[0] for each in (quiet[1], accent, negative)] == pytest.approx([2, 4, 1], abs=0.01)
    whiskers = bars(["a", "b"], [1, 2], title="A chart", x_label="x", errors=([1, 2], [3, 4]), headings={1: "above b"})
    assert {"a", "above b", "b", "2.0"} <= set(texts(whiskers))
    assert texts(bars([], [], title="A chart", x_label="length")) == ["length"]


def test_lines_have_one_legend_with_each_label_once() -> None:
    accuracy = Panel("accuracy, %", [Line("train", [1, 2], [3, 4]), Line("valid", [1, 2], [2, 3], "orange")])
    dashed = Line("a range", [1, 2], [30, 30], style="--")
    perplexity = Panel("perplexity", [Line("train", [1, 2], [50, 20]), dashed], is_log=True, ticks=[20, 50])
    found = texts(lines([accuracy, perplexity], title="A chart", x_label="epochs", x_ticks=[1, 2]))
    assert [found.count(label) for label in ("train", "valid", "a range", "epochs", "20", "50")] == [1] * 6
