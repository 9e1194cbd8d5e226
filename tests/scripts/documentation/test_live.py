import re
from pathlib import Path

import pytest
from PIL import Image

from documentation.live import SCHEMES, STILLS, VIEWS, WIDTH, with_figures

DOCS = Path(__file__).parents[3] / "docs"
SCALE = 1.5


def test_each_view_is_in_a_page() -> None:
    named = {name for path in DOCS.rglob("*.md") for name in re.findall(r"<!--\s*live: (.*?)\s*-->", path.read_text())}
    assert named == set(VIEWS)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", VIEWS)
def test_each_view_has_a_small_picture_of_its_size(name: str, scheme: str) -> None:
    path = DOCS / STILLS / f"{name}-{scheme}.webp"
    assert path.stat().st_size < 50_000
    with Image.open(path) as image:
        assert image.size == pytest.approx((WIDTH * SCALE, VIEWS[name].height * SCALE), abs=1)


def test_a_comment_becomes_a_figure_with_relative_addresses() -> None:
    content = with_figures("<p>a</p>\n<!-- live: unit -->\n<p>b</p>", "../../{}".format)
    assert content.startswith("<p>a</p>\n<figure")
    assert 'src="../../images/live/unit-dark.webp#only-dark"' in content
    assert (
        'href="../../demo/austen.html?text=%22I%20am%20very%20happy%2C%22%20said&amp;unit=175&amp;show=unit#inside"'
        in content
    )


def test_a_comment_with_an_unknown_view_is_an_error() -> None:
    with pytest.raises(KeyError, match="nothing"):
        with_figures("<!-- live: nothing -->", str)
