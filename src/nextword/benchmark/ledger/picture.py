"""Perplexity against the minutes that it took, of `nextword train --minutes` and of what else was trained so long."""

import math
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from nextword.benchmark.ledger.group import Group
from nextword.benchmark.ledger.query import Query
from nextword.benchmark.ledger.result import Result
from nextword.pictures import MAIN_COLOR, QUIET_COLOR, draw_picture, finish_axes

_PERPLEXITIES = (10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 120, 150, 200, 300, 500, 1000)
_MARKERS = "osD^vP*X"


def draw_minutes(results: Sequence[Result], corpus: str, path: Path) -> None:
    """Draw a line for each method of evaluation of the preset `auto`, and a mark for each program of the contest."""
    ours = Query(corpus=corpus, preset="auto").groups(results)
    contest = Query(corpus=corpus, preset="contest/*", pick="all").groups(results)
    theirs = {group.first.preset: group for group in sorted(contest, key=_lowest, reverse=True)}  # the best of each
    theirs.pop("contest/nextword", None)  # which is `auto` once more
    draw_picture(path, (8, 4.5), lambda figure: _draw(figure.subplots(), ours, [*theirs.values()]))


def _lowest(group: Group) -> float:
    return min(group.values("valid_perplexity"), default=math.inf)


def _draw(axes: Any, ours: Sequence[Group], theirs: Sequence[Group]) -> None:
    methods = dict.fromkeys(method for group in ours for method in group.by_method)
    for marker, method in zip(_MARKERS, methods, strict=False):
        parts = [group.by_method[method] for group in ours if method in group.by_method]
        values = [part.values("test_perplexity") for part in parts]
        minutes = [part.first.minutes for part in parts]
        spreads = [stdev(each) if len(each) > 1 else 0 for each in values]
        label = f"nextword, {method.replace(',', ', ')}"
        axes.errorbar(minutes, [fmean(each) for each in values], spreads, color=MAIN_COLOR, marker=marker, label=label)
    for group in theirs:
        _mark(axes, group)
    axes.set_xscale("log")
    axes.set_yscale("log")
    ticks = sorted({group.first.minutes for group in [*ours, *theirs]})
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    low, high = axes.get_ylim()
    axes.set_yticks(_PERPLEXITIES, [f"{tick:g}" for tick in _PERPLEXITIES])
    axes.set_ylim(low, high)
    axes.minorticks_off()
    axes.set_xlabel(f"minutes of training, two cores{_machines(ours)}")
    axes.set_ylabel("test perplexity")
    axes.legend(frameon=False, fontsize=9)
    finish_axes(axes)


def _machines(groups: Sequence[Group]) -> str:
    """Return which minutes were trained on which machine, where there are several."""
    minutes: dict[str, list[str]] = {}
    for group in groups:
        minutes.setdefault(group.machine, []).append(f"{group.first.minutes:g}")
    told = "; ".join(f"{', '.join(some)}: {machine}" for machine, some in minutes.items())
    return f" ({told})" if len(minutes) > 1 else ""


def _mark(axes: Any, group: Group) -> None:
    best = min(group.by_method.values(), key=_lowest)
    value = fmean(best.values("test_perplexity"))
    axes.plot([group.first.minutes], [value], color=QUIET_COLOR, marker="o", linestyle="none")
    name = group.first.preset.removeprefix("contest/")
    axes.annotate(
        name, (group.first.minutes, value), xytext=(8, 0), textcoords="offset points", va="center", fontsize=9
    )
