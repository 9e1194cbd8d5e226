"""The picture of the README: the test perplexity that each program reaches in the same minutes on one machine."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.ledger.picture import lowest_valid
from harness.ledger.query import Query
from harness.ledger.result import Result
from nextword.storage.pictures import MAIN_COLOR, QUIET_COLOR, draw_picture, finish_axes

NAMES = {
    "transformer": "small transformer (PyTorch)",
    "word_language_model": "word_language_model (PyTorch)",
    "tutorial": "the tutorial's program (Keras)",
}

Bars = list[tuple[str, float]]


def draw_bars(results: Sequence[Result], corpus: str, minutes: float, path: Path) -> None:
    """Draw a bar for nextword and for each other program, on the machine that ran most programs."""
    bars, machine = bars_of(results, corpus, minutes)
    draw_picture(path, (8, 2.4), lambda figure: _draw(figure.subplots(), bars, f"{minutes:g} minutes, {machine}"))


def bars_of(results: Sequence[Result], corpus: str, minutes: float) -> tuple[Bars, str]:
    """Return names and test perplexities, lowest first, and the machine that they come from.

    Of several recipes or evaluations of a program, the one with the lowest validation perplexity counts.
    """
    programs = Query(corpus=corpus, preset="contest/*", minutes=f"{minutes:g}", pick="all").groups(results)
    programs = [group for group in programs if group.first.preset != "contest/nextword"]
    ours = Query(corpus=corpus, preset="auto", minutes=f"{minutes:g}", read="static").groups(results)
    ran = Counter(machine for machine, _ in {(group.machine, group.first.preset) for group in programs})
    machine = max(ran, key=lambda name: (ran[name], name), default="")
    best: dict[str, float] = {}
    for group in sorted([*ours, *programs], key=lowest_valid, reverse=True):
        if group.machine == machine:
            part = min(group.by_method.values(), key=lowest_valid)
            best[group.first.preset] = part.values("test_perplexity")[0]
    names = {preset: preset.removeprefix("contest/") for preset in best}
    bars = [("nextword" if name == "auto" else NAMES.get(name, name), best[preset]) for preset, name in names.items()]
    return sorted(bars, key=lambda bar: bar[1]), machine


def _draw(axes: Any, bars: Bars, title: str) -> None:
    colors = [MAIN_COLOR if name == "nextword" else QUIET_COLOR for name, _ in bars]
    drawn = axes.barh([name for name, _ in bars], [value for _, value in bars], color=colors)
    axes.bar_label(drawn, [f"{value:.1f}" for _, value in bars], padding=4)
    axes.invert_yaxis()
    axes.set_xlabel("test perplexity, lower is better")
    axes.set_title(f"Penn Treebank, {title}, two cores", fontsize=11, loc="left")
    finish_axes(axes, "x")
