import re
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.picture_text import number
from pictures.drawing import Drawing

SVG = "{http://www.w3.org/2000/svg}"
TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn"]), min_size=1, max_size=30)


def drawing(title: str = "A picture", description: str = "What it shows.") -> Drawing:
    made = Drawing(200, title=title, description=description)
    made.height = 100
    return made


def parsed(made: Drawing) -> ElementTree.Element:
    return ElementTree.fromstring(made.to_svg())  # noqa: S314 - our own picture


@given(text=TEXT, title=TEXT)
def test_any_text_is_in_the_file_as_it_is(text: str, title: str) -> None:
    made = drawing(title, text)
    made.text(10, 20, text, "label")
    made.rect(0, 0, 5, 5, "box", tip=text)
    root = parsed(made)
    assert root.findtext(f"{SVG}text") == text
    assert root.findtext(f"{SVG}title") == title
    assert root.findtext(f"{SVG}desc") == text
    assert root.findtext(f"{SVG}rect/{SVG}title") == text


def test_a_picture_has_a_role_a_title_and_colors_for_dark_pages() -> None:
    made = drawing()
    made.rect(0, 0, 5, 5, "pale")
    written = made.to_svg()
    assert 'role="img" aria-labelledby="title desc"' in written
    light, dark = (re.search(rf"{before}svg{{([^}}]*)}}", written) for before in (r"<style>\n", r"dark\)\{"))
    assert light is not None
    assert dark is not None
    assert re.findall(r"--\w+", light[1]) == re.findall(r"--\w+", dark[1]) == ["--ink", "--pale", "--accent"]


def test_only_rules_that_are_used_are_in_the_file() -> None:
    made = drawing()
    made.text(10, 20, "a", "label quiet")
    written = made.to_svg()
    assert ".label{" in written
    assert ".quiet{" in written
    assert ".heading{" not in written


def test_the_letters_of_a_formula_are_in_order_and_subscripts_lower() -> None:
    made = drawing()
    made.math(10, 20, "c_{t-1} + tanh(x_t)")
    found = parsed(made).find(f"{SVG}text")
    assert found is not None
    assert "".join(found.itertext()) == "ct\N{MINUS SIGN}1 + tanh(xt)"
    subscripts = [part.text for part in found.iter(f"{SVG}tspan") if part.get("font-size")]
    assert subscripts == ["t\N{MINUS SIGN}1", "t"]
    shifts = [float(part.get("dy", "0")) for part in found.iter(f"{SVG}tspan")]
    assert sum(shifts) == pytest.approx(0)


@pytest.mark.parametrize(
    ("points", "tip"),
    [
        ([(0, 10), (50, 10)], "M50 10L37 17L37 3Z"),
        ([(50, 10), (0, 10)], "M0 10L13 3L13 17Z"),
        ([(10, 0), (10, 50)], "M10 50L17 37L3 37Z"),
        ([(10, 50), (10, 0)], "M10 0L3 13L17 13Z"),
    ],
)
def test_an_arrow_ends_in_a_tip_at_its_last_point(points: list[tuple[float, float]], tip: str) -> None:
    made = drawing()
    made.arrow(points, "state-wire")
    assert [path.get("d") for path in parsed(made).iter(f"{SVG}path")][1] == tip


@given(value=st.floats(-1e6, 1e6))
def test_numbers_are_short_and_near(value: float) -> None:
    shown = number(value)
    assert re.fullmatch(r"-?\d+(\.\d{1,2})?", shown)
    assert shown != "-0"
    assert float(shown) == pytest.approx(value, abs=0.0051)
