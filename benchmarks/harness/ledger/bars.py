"""The picture of the README: the test perplexity that each program reaches in the same minutes on one machine."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from harness.ledger.picture import lowest_valid
from harness.ledger.query import Query
from harness.ledger.result import Result
from harness.pictures.charts import bars
from nextword.disk.files import write_file

NAMES = {
    "transformer": "small transformer (PyTorch)",
    "word_language_model": "word_language_model (PyTorch)",
    "tutorial": "the tutorial's program (Keras)",
}

CORPORA = {"ptb": "the Penn Treebank"}

Bars = list[tuple[str, float]]


def draw_bars(results: Sequence[Result], corpus: str, minutes: float, path: Path) -> None:
    """Draw a bar for nextword and for each other program, on the machine that ran most programs."""
    write_file(path, bars_chart(results, corpus, minutes).encode())


def bars_chart(results: Sequence[Result], corpus: str, minutes: float) -> str:
    """Return the picture as SVG."""
    found, machine = bars_of(results, corpus, minutes)
    return bars(
        [name for name, _ in found],
        [value for _, value in found],
        title=f"Test perplexity after {minutes:g} minutes of training on {CORPORA.get(corpus, corpus)}, {machine}",
        x_label=f"test perplexity after {minutes:g} minutes on two cores; lower is better",
        emphasized=["nextword"],
    )


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
    found = [("nextword" if name == "auto" else NAMES.get(name, name), best[preset]) for preset, name in names.items()]
    return sorted(found, key=lambda bar: bar[1]), machine
