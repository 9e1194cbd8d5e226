"""Test perplexity against minutes of training, for `nextword train --minutes` and for other programs."""

import math
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from harness.ledger.group import Group
from harness.ledger.query import Query
from harness.ledger.result import Result
from nextword.storage.pictures import MAIN_COLOR, MARK_COLOR, QUIET_COLOR, draw_picture, finish_axes

_PERPLEXITIES = (10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 120, 150, 200, 300, 500, 1000)
_READ = "static;cache,temperature;cache,ngram,temperature"
_STYLES = ((MAIN_COLOR, "o"), (MARK_COLOR, "s"), ("#0f766e", "D"), ("#7c3aed", "^"), ("#a16207", "v"))


def draw_minutes(results: Sequence[Result], corpus: str, path: Path) -> None:
    """Draw panels for the preset `auto`: static, with a cache, and with n-grams; each has a line for each machine.

    The first panel has a mark for each other program, at its best result.
    """
    ours = Query(corpus=corpus, preset="auto", read=_READ).groups(results)
    contest = Query(corpus=corpus, preset="contest/*", pick="all").groups(results)
    # The best of each program comes last and stays.
    theirs = {group.first.preset: group for group in sorted(contest, key=lowest_valid, reverse=True)}
    theirs.pop("contest/nextword", None)  # which is `auto` once more
    draw_picture(path, (11, 5), lambda figure: _draw(figure, ours, [*theirs.values()]))


def lowest_valid(group: Group) -> float:
    """Return the lowest validation perplexity of the results of a group."""
    return min(group.values("valid_perplexity"), default=math.inf)


def _draw(figure: Any, ours: Sequence[Group], theirs: Sequence[Group]) -> None:
    methods = list(dict.fromkeys(method for group in ours for method in group.by_method)) or ["static"]
    styles = dict(zip(dict.fromkeys(group.machine for group in ours), cycle(_STYLES), strict=False))
    panels = figure.subplots(1, len(methods), sharey=True, squeeze=False)[0]
    for axes, method in zip(panels, methods, strict=True):
        for machine, (color, marker) in styles.items():
            parts = [group.by_method.get(method) for group in ours if group.machine == machine]
            _draw_line(axes, [part for part in parts if part], color=color, marker=marker, label=f"nextword, {machine}")
        axes.set_title(method.replace(",", ", "), fontsize=11)
    for group in theirs:
        _mark(panels[0], group)
    for axes in panels:
        _finish(axes, sorted({group.first.minutes for group in [*ours, *theirs]}))
    panels[0].set_ylabel("test perplexity")
    panels[-1].legend(frameon=False, fontsize=9)


def _draw_line(axes: Any, parts: Sequence[Group], **look: str) -> None:
    values = [part.values("test_perplexity") for part in parts]
    spreads = [stdev(each) if len(each) > 1 else 0 for each in values]
    axes.errorbar([part.first.minutes for part in parts], [fmean(each) for each in values], spreads, **look)


def _mark(axes: Any, group: Group) -> None:
    best = min(group.by_method.values(), key=lowest_valid)
    value = fmean(best.values("test_perplexity"))
    axes.plot([group.first.minutes], [value], color=QUIET_COLOR, marker="o", linestyle="none")
    name = group.first.preset.removeprefix("contest/")
    axes.annotate(
        name, (group.first.minutes, value), xytext=(8, 0), textcoords="offset points", va="center", fontsize=9
    )


def _finish(axes: Any, minutes: Sequence[float]) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(minutes, [f"{tick:g}" for tick in minutes])
    low, high = axes.get_ylim()
    axes.set_yticks(_PERPLEXITIES, [f"{tick:g}" for tick in _PERPLEXITIES])
    axes.set_ylim(low, high)
    axes.minorticks_off()
    axes.set_xlabel("minutes of training, two cores")
    finish_axes(axes)
