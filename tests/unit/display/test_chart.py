import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest

from nextword.display.chart import Axis, Chart, ChartLine

SVG = "{http://www.w3.org/2000/svg}"
CHART = Chart(
    [ChartLine("JAX & Keras", [(1, 10.0), (3, 30.0)], "blue"), ChartLine("<peer>", [(2, 20.0)], "red", dot=4)],
    Axis("batch size", 1, 3),
    Axis("words a second", 0, 30),
    title="Speed <1>",
)


def drawn(chart: Chart) -> ElementTree.Element:
    return ElementTree.fromstring(chart.to_svg())  # noqa: S314 - our own


def test_points_are_at_their_share_of_both_axes() -> None:
    root = drawn(CHART)
    (line,) = (element.attrib["points"] for element in root.iter(f"{SVG}polyline"))
    (left, low), (right, high) = (map(float, point.split(",")) for point in line.split())
    (dot,) = root.iter(f"{SVG}circle")
    assert float(dot.attrib["cx"]) == pytest.approx((left + right) / 2)
    assert 0 < high < float(dot.attrib["cy"]) < low < 260


def test_names_and_titles_are_text() -> None:
    texts = [text.text for text in drawn(CHART).iter(f"{SVG}text")]
    assert {"Speed <1>", "JAX & Keras", "<peer>", "batch size", "words a second"} <= set(texts)


def test_the_page_gets_the_same_elements_without_a_style_attribute() -> None:
    def names(element: Any) -> list[str]:
        return [] if isinstance(element, str) else [element[0], *(name for part in element[2:] for name in names(part))]

    assert names(CHART.to_element()) == [each.tag.removeprefix(SVG) for each in drawn(CHART).iter()]
    assert "style" not in CHART.to_element()[1]
