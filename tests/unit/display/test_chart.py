import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest

from nextword.display.chart import Axis, Chart, ChartLine, even_ticks, log_ticks

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


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (90, 1200, [100, 200, 500, 1000]),
        (105, 490, [150, 200, 300, 400]),
        (1.0, 1.2, [1, 1.05, 1.1, 1.15, 1.2]),
        (405.7, 490, [420, 440, 460, 480]),
        (2, 1e6, [2, 50, 1000, 2e4, 5e5]),
    ],
)
def test_perplexities_on_an_axis_are_round_numbers(low: float, high: float, ticks: list[float]) -> None:
    assert log_ticks(low, high, 5) == pytest.approx(ticks)


@pytest.mark.parametrize("last", [0.003, 0.1, 0.4, 1.0, 2.3, 40.0, 12_345.0])
@pytest.mark.parametrize("count", [2, 4, 8])
def test_epochs_on_an_axis_begin_at_zero_and_are_few(last: float, count: int) -> None:
    ticks = even_ticks(0, last, count)
    assert ticks[0] == 0
    assert 1 <= len(ticks) <= count
    assert ticks[-1] <= last * (1 + 1e-6)
