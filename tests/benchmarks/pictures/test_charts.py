import re
import xml.etree.ElementTree as ElementTree

import pytest

from harness.pictures.charts import Band, Line, Panel, bars, lines, spread_ticks, tick_label

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: str) -> list[str]:
    return ["".join(text.itertext()) for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]  # noqa: S314


def widths(svg: str, hue: str) -> list[float]:
    """Return the widths of the bars of a color."""
    paths = re.findall(rf'd="([^"]*)"[^>]*style="fill: var\(--{hue}\)', svg)
    xs = [[float(x) for x in re.findall(r"[ML] (-?[\d.]+)", path)] for path in paths]
    return [max(each) - min(each) for each in xs]


def test_bars_are_as_long_as_their_values() -> None:
    svg = bars(["a", "b & c", "d"], [10, 20, 40], title="A chart", x_label="length", emphasized=["d"])
    assert {"a", "b & c", "d", "10.0", "20.0", "40.0", "length"} <= set(texts(svg))
    quiet, accent = widths(svg, "quiet"), widths(svg, "accent")
    assert quiet[1] / quiet[0] == pytest.approx(2, abs=0.01)
    assert accent[0] / quiet[0] == pytest.approx(4, abs=0.01)


@pytest.mark.parametrize("errors", [[1, 2], ([1, 2], [3, 4])])
def test_bars_may_have_whiskers(errors: list[float] | tuple[list[float], list[float]]) -> None:
    plain = bars(["a", "b"], [10, 20], title="A chart", x_label="x")
    whiskers = bars(["a", "b"], [10, 20], title="A chart", x_label="x", errors=errors)
    assert whiskers.count("<use") + whiskers.count("<path") > plain.count("<use") + plain.count("<path")


def test_a_chart_without_bars_is_empty() -> None:
    assert texts(bars([], [], title="A chart", x_label="length")) == ["length"]


def test_lines_have_one_legend_with_each_label_once() -> None:
    panels = [
        Panel("accuracy, %", [Line("train", [1, 2], [3, 4]), Line("valid", [1, 2], [2, 3], "orange")]),
        Panel(
            "perplexity",
            [Line("train", [1, 2], [50, 20])],
            is_log=True,
            ticks=[20, 50],
            bands=[Band("a range", 30, 40)],
        ),
    ]
    found = texts(lines(panels, title="A chart", x_label="epochs", x_ticks=[1, 2]))
    assert [found.count(label) for label in ("train", "valid", "a range", "epochs", "20", "50")] == [1] * 6


def test_the_same_figures_draw_the_same_chart() -> None:
    drawn = [bars(["a"], [value], title="A chart", x_label="x") for value in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_ticks_are_apart() -> None:
    assert spread_ticks([60, 62, 64, 70, 200], 60, 120, is_log=True) == [60, 64, 70]
    assert spread_ticks([0, 1, 2, 50], 0, 100, is_log=False) == [0, 50]


@pytest.mark.parametrize(
    ("tick", "label"), [(1e-9, "10⁻⁹"), (0.001, "0.001"), (5e-5, "5e-05"), (10, "10"), (2e4, "20,000")]
)
def test_ticks_are_written_as_people_write_them(tick: float, label: str) -> None:
    assert tick_label(tick) == label
