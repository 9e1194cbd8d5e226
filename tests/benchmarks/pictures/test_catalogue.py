"""Every SVG of the documentation is drawn by code in the repository, and can be read by everybody."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from harness.pictures.catalogue import DOCS, MAKE, PICTURES, Picture

REPOSITORY = DOCS.parent
IMAGES = DOCS / "images"
PAGES = [REPOSITORY / "README.md", *sorted(DOCS.rglob("*.md"))]
SHOWN = re.compile(r"!\[(?P<alt>[^\]]*)\]\((?P<target>[^)\s]+)\)")
FEWEST_WORDS = 5

ALL = pytest.mark.parametrize("picture", PICTURES, ids=[picture.path for picture in PICTURES])


@ALL
def test_a_picture_is_drawn_again_to_the_same_bytes(picture: Picture) -> None:
    drawn = picture.to_svg()
    assert (IMAGES / picture.path).read_text(encoding="utf-8") == drawn, "run `make pictures`"


def test_the_table_has_every_picture_once() -> None:
    found = sorted(path.relative_to(IMAGES).as_posix() for path in IMAGES.rglob("*.svg"))
    assert sorted(picture.path for picture in PICTURES) == found


@ALL
def test_a_picture_has_a_title_and_colors_for_dark_pages(picture: Picture) -> None:
    root = ElementTree.parse(IMAGES / picture.path).getroot()  # noqa: S314 - our own picture
    svg = "{http://www.w3.org/2000/svg}"
    assert root.get("role") == "img"
    assert len((root.findtext(f"{svg}title") or "").split()) >= FEWEST_WORDS
    assert "prefers-color-scheme:dark" in (root.findtext(f"{svg}style") or "")
    assert root.find(f".//{svg}text") is not None


@ALL
def test_no_color_is_the_same_on_light_and_dark_pages(picture: Picture) -> None:
    written = (IMAGES / picture.path).read_text(encoding="utf-8")
    _, _, drawn = written.partition("</style>")
    used = set(re.findall(r"(?:fill|stroke): ([^;\"]+)", drawn))
    assert {name for name in used if not name.startswith("var(--")} <= {"none"}
    assert not re.search(r"(?:fill|stroke)=", drawn)


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(REPOSITORY)) for page in PAGES])
def test_a_page_says_what_its_pictures_show_and_what_draws_them(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    known = {(IMAGES / picture.path).resolve(): picture for picture in PICTURES}
    for found in SHOWN.finditer(text):
        assert len(found["alt"].split()) >= FEWEST_WORDS, found[0]
        picture = known.get((page.parent / found["target"]).resolve())
        if picture and "learn" in page.parts:
            below = text[found.end() :].lstrip().splitlines()[0]
            assert below.startswith("Drawn by "), found[0]
            assert f"`{picture.command}`" in below or f"`{MAKE}`" in below, found[0]
