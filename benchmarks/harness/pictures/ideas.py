"""What each idea is worth, in points of test perplexity."""

from collections.abc import Mapping, Sequence
from typing import Any

from harness.pictures.charts import WIDTH
from harness.pictures.drawing import color, finish_axes, svg_chart

_BAR, _HEADING, _FRAME = 0.5, 0.5, 0.7

Row = Mapping[str, Any]


def ideas_chart(data: Mapping[str, Any]) -> str:
    """Return a bar for each idea as SVG, in three groups, each sorted by what the idea is worth."""
    groups = {heading: rows for heading, rows in grouped(data["worth"]).items() if rows}
    height = _FRAME + sum(_HEADING + _BAR * len(rows) for rows in groups.values())

    def draw(figure: Any) -> None:
        axes, top = figure.subplots(), 0.0
        for heading, rows in groups.items():
            axes.text(0, top, heading, transform=axes.get_yaxis_transform(), weight="bold", va="center", fontsize=11)
            for index, row in enumerate(rows):
                _draw_bar(axes, top + _HEADING + _BAR * (index + 0.2), row)
            top += _HEADING + _BAR * len(rows)
        _finish(axes, top, [row["gain"] for rows in groups.values() for row in rows])

    return svg_chart((WIDTH, height), draw, "What each idea is worth: points of test perplexity on Austen")


def grouped(worth: Sequence[Row]) -> dict[str, list[Row]]:
    """Return the rows of each group, the most useful idea first."""
    groups: dict[str, list[Row]] = {"Left out of the preset": [], "Added in training": [], "Added after training": []}
    left_out, in_training, after = groups.values()
    for row in sorted(worth, key=lambda row: -row["gain"]):
        (after if row["after_training"] else left_out if row["in_reference"] else in_training).append(row)
    return groups


def _draw_bar(axes: Any, place: float, row: Row) -> None:
    gain = row["gain"]
    axes.barh(place, gain, height=0.16, color=color("accent") if gain > 0 else color("orange"))
    axes.plot([0, 0], [place - 0.12, place + 0.12], color=color("edge"), linewidth=1.2)
    if len(row["gains"]) > 1:
        axes.plot(row["gains"], [place] * len(row["gains"]), "o", color=color("ink"), markersize=3.5)
    axes.text(0, place - 0.17, row["title"], transform=axes.get_yaxis_transform(), va="center", fontsize=11)
    end = max(gain, *row["gains"], 0)
    axes.annotate(f"{gain:+.1f}", (end, place), xytext=(6, 0), textcoords="offset points", va="center", fontsize=11)


def _finish(axes: Any, bottom: float, gains: Sequence[float]) -> None:
    low, high = min(0.0, *gains), max(0.0, *gains)
    margin = 0.12 * (high - low)
    axes.set_xlim(low - margin / 2 if low else 0, high + margin)
    axes.set_ylim(bottom, -0.25)
    axes.set_yticks([])
    axes.set_xlabel("points of test perplexity gained; to the left: lost")
    finish_axes(axes, "x")
    axes.spines["left"].set_visible(False)
