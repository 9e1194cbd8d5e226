"""The charts of the benchmarks, drawn from numbers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import cycle
from statistics import fmean, stdev
from typing import Any

from harness.chart import Line, Panel, bars, lines
from harness.groups import Group, Query
from harness.ledger import Result

PANELS = {
    "uniform": "at initialization, uniform weights",
    "orthogonal": "at initialization, orthogonal weights",
    "trained": "after 600 steps of training",
}
"""Panels of the chart of gradients, with their titles."""

CELLS = {
    "rnn": ("simple recurrent network", "orange"),
    "gru": ("GRU", "quiet"),
    "lstm": ("LSTM, forget bias 1", "blue"),
}
"""Cells in the chart of gradients, with their labels and hues."""

_SHARES = [10.0**power for power in (-9, -7, -5, -3, -1, 1)]
_MINUTE_TICKS = (10, 12, 15, *range(20, 95, 5), 100, 120, 150, 200, 300, 500)
_METHODS = {
    "static": "the network alone",
    "cache,temperature": "with a cache",
    "cache,ngram,temperature": "with a cache and n-grams",
}
_COMPARED = "stream;windows*;contexts*"  # what a program reads with its network, or its counts, alone
_ARMS = {
    "nothing": ("trained from nothing", "quiet", "s"),
    "start": ("from the base, adapted, not trained", "orange", "D"),
    "tuned": ("from the base, trained", "blue", "o"),
}
_STYLES = (("blue", "o"), ("orange", "s"), ("accent", "D"), ("violet", "o"), ("olive", "s"))
_MARKERS = ("P", "X", "^")
_PROGRAMS = {
    "pytorch": "the same recipe in PyTorch",
    "transformer": "small transformer (PyTorch)",
    "mingru": "minimal GRU (PyTorch)",
    "word_language_model": "word_language_model (PyTorch)",
    "tutorial": "the tutorial's program (Keras)",
    "kneser_ney": "Kneser-Ney of order 5",
}
_SPEEDS = [digit * 10**power for power in range(8) for digit in (1, 2, 5)]
_AXES = {"batch_size": "blue", "num_steps": "orange", "hidden_size": "accent", "vocabulary_size": "violet"}


def gradient_chart(curves: Mapping[str, Any]) -> str:
    """Return a panel for each state of the weights, every curve as a share of its hidden state's gradient at lag 0."""
    panels = []
    for name, heading in PANELS.items():
        drawn = []
        for cell, (label, hue) in CELLS.items():
            first = curves[name][cell][0]
            shares = [norm / first for norm in curves[name][cell]]
            drawn.append(Line(label, range(len(shares)), shares, hue))
            if cell == "lstm":  # no later step reads the last step's cell
                shares = [norm / first for norm in curves[name]["lstm cell"][1:]]
                drawn.append(Line("its cell", range(1, len(shares) + 1), shares, hue, style="--"))
        panels.append(Panel("gradient, share of the last", drawn, heading, _SHARES, True, (1e-9, 30.0)))
    title = "How the gradient shrinks with every step back, for a simple recurrent network, a GRU and an LSTM"
    return lines(panels, title=title, x_label="steps back")


def fine_tuning_chart(data: Mapping[str, Any]) -> str:
    """Return bits per character by the words of a text, with and without a base; a panel for each text.

    The vocabularies differ by size, so the perplexities do not compare.
    """
    panels = [
        Panel(
            "bits per character on test, as used",
            [
                Line("" if index else label, text["words"], text[arm], hue, marker=marker)
                for arm, (label, hue, marker) in _ARMS.items()
            ],
            text["title"],
        )
        for index, text in enumerate(data["texts"])
    ]
    sizes = sorted({size for text in data["texts"] for size in text["words"]})
    title = "Bits per character by the number of words of a text, trained from nothing and from a base"
    return lines(panels, title=title, x_label="words of the training text", x_ticks=sizes, has_log_x=True)


def speed_chart(speeds: Mapping[str, Mapping[str, Any]], machine: str) -> str:
    """Return a bar of words per second for each peer, with whiskers from quartile to quartile."""
    medians = [speed["words_per_second"] for speed in speeds.values()]
    below = [speed["words_per_second"] - speed["lower"] for speed in speeds.values()]
    above = [speed["upper"] - speed["words_per_second"] for speed in speeds.values()]
    return bars(
        list(speeds),
        medians,
        errors=(below, above),
        title=f"Words a second in training, medians, on {machine}",
        x_label="words a second in training; whiskers from quartile to quartile",
        emphasized=[name for name in speeds if name.startswith("nextword")],
        number_format="{:,.0f}",
    )


def scaling_chart(points: Sequence[Mapping[str, Any]], machine: str) -> str:
    """Return words per second above the share of the product peak, with a line for each axis."""

    def drawn(measure: str, *, is_named: bool) -> list[Line]:
        return [
            Line(
                axis if is_named else "",
                [point["factor"] for point in points if point["axis"] == axis],
                [point[measure] or 0.0 for point in points if point["axis"] == axis],
                _AXES.get(axis, "olive"),
                marker="o",
            )
            for axis in dict.fromkeys(point["axis"] for point in points)
        ]

    panels = [
        Panel("words a second", drawn("words_per_second", is_named=True), ticks=_SPEEDS, is_log=True),
        Panel("share of the product peak", drawn("peak_share", is_named=False), limits=(0, 1)),
    ]
    factors = sorted({point["factor"] for point in points if point["factor"] in (0.125, 0.25, 0.5, 1, 2, 4)})
    title = f"Speed of nextword by the size of the model and of its windows, on {machine}"
    return lines(panels, title=title, x_label="size, times the base", x_ticks=factors, has_log_x=True)


def minutes_chart(results: Sequence[Result], corpus: str) -> str:
    """Return panels for the preset `auto`: static, with a cache, and with n-grams; each has a line for each machine.

    The first panel has a mark for each other program, at its best result.
    """
    ours = Query(corpus=corpus, preset="auto", read=";".join(_METHODS)).groups(results)
    programs = [result for result in results if result.preset != "contest/nextword"]  # which is `auto` once more
    theirs = _best_programs(Query(corpus=corpus, preset="contest/*", pick="all").groups(programs))
    methods = list(dict.fromkeys(method for group in ours for method in group.by_method)) or ["static"]
    others = [_mark(group, marker) for group, marker in zip(theirs.values(), cycle(_MARKERS), strict=False)]
    panels = [_minutes_panel(ours, method, others if index == 0 else []) for index, method in enumerate(methods)]
    return lines(
        panels,
        title="Test perplexity by minutes of training on two cores, on several machines",
        x_label="minutes of training on two cores",
        x_ticks=sorted({group.first.minutes for group in [*ours, *theirs.values()]}),
        has_log_x=True,
    )


def programs_chart(results: Sequence[Result], corpus: str, minutes: float) -> str:
    """Return a bar for each program of the contest on the machine that ran most of them."""
    bars_by_name, machine = programs_of(results, corpus, minutes)
    name = {"ptb": "the Penn Treebank"}.get(corpus, corpus)
    return bars(
        list(bars_by_name),
        list(bars_by_name.values()),
        title=f"Test perplexity after {minutes:g} minutes of training on {name}, {machine}",
        x_label=f"test perplexity after {minutes:g} minutes on two cores; lower is better",
        emphasized=["nextword"],
    )


def programs_of(results: Sequence[Result], corpus: str, minutes: float) -> tuple[dict[str, float], str]:
    """Return test perplexities by name, lowest first, and the machine that they come from.

    Of several recipes or evaluations of a program, the one with the lowest validation perplexity counts.
    """
    programs = Query(corpus=corpus, preset="contest/*", minutes=f"{minutes:g}", read=_COMPARED).groups(results)
    counts = Counter(machine for machine, _ in {(group.machine, group.first.preset) for group in programs})
    machine = max(counts, key=lambda name: (counts[name], name), default="")
    best = _best_programs([group for group in programs if group.machine == machine])
    perplexities = {}
    for preset, group in best.items():
        name = preset.removeprefix("contest/")
        perplexities[_PROGRAMS.get(name, name)] = _best_method(group).values("test_perplexity")[0]
    return dict(sorted(perplexities.items(), key=lambda pair: pair[1])), machine


def _best_programs(groups: Sequence[Group]) -> dict[str, Group]:
    ordered = sorted(groups, key=lambda group: group.lowest("valid_perplexity"), reverse=True)
    return {group.first.preset: group for group in ordered}


def _best_method(group: Group) -> Group:
    return min(group.by_method.values(), key=lambda part: part.lowest("valid_perplexity"))


def _mark(group: Group, marker: str) -> Line:
    name = group.first.preset.removeprefix("contest/")
    value = fmean(_best_method(group).values("test_perplexity"))
    return Line(name, [group.first.minutes], [value], "quiet", "", marker)


def _minutes_panel(ours: Sequence[Group], method: str, others: Sequence[Line]) -> Panel:
    styles = dict(zip(dict.fromkeys(group.machine for group in ours), cycle(_STYLES), strict=False))
    drawn: list[Line] = []
    for machine, (hue, marker) in styles.items():
        own = [group.by_method for group in ours if group.machine == machine and method in group.by_method]
        parts = [by_method[method] for by_method in own]
        values = [part.values("test_perplexity") for part in parts]
        minutes, means = [part.first.minutes for part in parts], [fmean(group_values) for group_values in values]
        spreads = [stdev(group_values) if len(group_values) > 1 else 0.0 for group_values in values]
        drawn.append(Line(f"nextword, {machine}", minutes, means, hue, marker=marker, errors=spreads))
    title = _METHODS.get(method, method.replace(",", ", "))
    return Panel("test perplexity", [*drawn, *others], title, _MINUTE_TICKS, is_log=True)
