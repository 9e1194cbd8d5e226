import re
from typing import Any

from harness.pictures.ideas import grouped, ideas_chart


def row(title: str, gain: float, *, in_reference: bool = False, after_training: bool = False) -> dict[str, Any]:
    return {
        "title": title,
        "gain": gain,
        "gains": [gain - 0.1, gain + 0.1],
        "in_reference": in_reference,
        "after_training": after_training,
    }


WORTH = [
    row("tied", 2.5, in_reference=True),
    row("counts", 11.0, in_reference=True),
    row("average", -0.4),
    row("cache", 6.5, after_training=True),
]


def test_ideas_are_grouped_by_when_they_apply_and_the_most_useful_comes_first() -> None:
    titles = [[each["title"] for each in rows] for rows in grouped(WORTH).values()]
    assert titles == [["counts", "tied"], ["average"], ["cache"]]


def test_the_chart_says_each_idea_and_what_it_gains_or_loses() -> None:
    shown = re.findall(r">([^<>]+)</text>", ideas_chart({"worth": WORTH}))
    assert {"counts", "tied", "average", "cache"} <= set(shown)
    assert {"+11.0", "+2.5", "-0.4", "+6.5"} <= set(shown)


def test_a_group_without_ideas_has_no_heading() -> None:
    picture = ideas_chart({"worth": WORTH[:2]})
    assert "Left out of the preset" in picture
    assert "Added after training" not in picture
