"""Test perplexity against minutes of training, for `nextword train --minutes` and for other programs."""

import math
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from statistics import fmean, stdev

from harness.ledger.group import Group
from harness.ledger.query import Query
from harness.ledger.result import Result
from harness.pictures.charts import Line, Panel, lines
from nextword.disk.files import write_file

_PERPLEXITIES = (10, 12, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75, 80, 85, 90, 100, 120, 150, 200, 300, 500)
_READ = "static;cache,temperature;cache,ngram,temperature"
_STYLES = (("blue", "o"), ("orange", "s"), ("accent", "D"), ("violet", "^"), ("olive", "v"))
_MARKERS = ("P", "X", "*", "p", "h", "d")
_TITLES = {
    "static": "the network alone",
    "cache,temperature": "with a cache",
    "cache,ngram,temperature": "with a cache and n-grams",
}


def draw_minutes(results: Sequence[Result], corpus: str, path: Path) -> None:
    """Draw panels for the preset `auto`: static, with a cache, and with n-grams; each has a line for each machine.

    The first panel has a mark for each other program, at its best result.
    """
    write_file(path, minutes_chart(results, corpus).encode())


def minutes_chart(results: Sequence[Result], corpus: str) -> str:
    """Return the picture as SVG."""
    ours = Query(corpus=corpus, preset="auto", read=_READ).groups(results)
    contest = Query(corpus=corpus, preset="contest/*", pick="all").groups(results)
    # The best of each program comes last and stays.
    theirs = {group.first.preset: group for group in sorted(contest, key=lowest_valid, reverse=True)}
    theirs.pop("contest/nextword", None)  # which is `auto` once more
    methods = list(dict.fromkeys(method for group in ours for method in group.by_method)) or ["static"]
    others = [_mark(group, marker) for group, marker in zip(theirs.values(), cycle(_MARKERS), strict=False)]
    panels = [_panel(ours, method, others if index == 0 else []) for index, method in enumerate(methods)]
    minutes = sorted({group.first.minutes for group in [*ours, *theirs.values()]})
    return lines(
        panels,
        title="Test perplexity by minutes of training on two cores, on several machines",
        x_label="minutes of training on two cores",
        x_ticks=minutes,
        has_log_x=True,
    )


def lowest_valid(group: Group) -> float:
    """Return the lowest validation perplexity of the results of a group."""
    return min(group.values("valid_perplexity"), default=math.inf)


def _panel(ours: Sequence[Group], method: str, others: Sequence[Line]) -> Panel:
    styles = dict(zip(dict.fromkeys(group.machine for group in ours), cycle(_STYLES), strict=False))
    drawn: list[Line] = []
    for machine, (hue, marker) in styles.items():
        found = [group.by_method.get(method) for group in ours if group.machine == machine]
        parts = [part for part in found if part]
        values = [part.values("test_perplexity") for part in parts]
        minutes = [part.first.minutes for part in parts]
        spreads = [stdev(each) if len(each) > 1 else 0.0 for each in values]
        means = [fmean(each) for each in values]
        drawn.append(Line(f"nextword, {machine}", minutes, means, hue, marker=marker, errors=spreads))
    title = _TITLES.get(method, method.replace(",", ", "))
    return Panel("test perplexity", [*drawn, *others], title, _PERPLEXITIES, is_log=True)


def _mark(group: Group, marker: str) -> Line:
    best = min(group.by_method.values(), key=lowest_valid)
    name = group.first.preset.removeprefix("contest/")
    return Line(name, [group.first.minutes], [fmean(best.values("test_perplexity"))], "quiet", "", marker)
