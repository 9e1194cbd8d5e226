"""A record as a readable table, in Markdown."""

from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.quality.record import Record

_HEADINGS = ("peer", "parameters", "words/s", "tokens", "epochs", "minutes", "valid", "test", "read as", "load before")


def render_record(record: Record) -> RenderableType:
    """Return the table, the lowest test perplexity first, and the notes below it."""
    table = Table(box=box.MARKDOWN, pad_edge=True)
    for index, heading in enumerate(_HEADINGS):
        table.add_column(heading, justify="left" if index in (0, 8) else "right", no_wrap=True)
    for name, result in sorted(record.results.items(), key=lambda item: float(item[1]["test_perplexity"])):
        table.add_row(name, *_cells(result))
    for name in record.missing:
        table.add_row(name, "missing")
    return Group(table, *(Text(line) for line in _below(record)))


def _cells(result: dict[str, Any]) -> list[str]:
    load = result["provenance"]["load"]
    return [
        f"{result['parameters']:,}",
        f"{result['words_per_second']:,.0f}",
        f"{result['tokens']:,}",
        f"{result['epochs']:.1f}",
        f"{result['seconds'] / 60:.1f}",
        f"{result['valid_perplexity']:.2f}",
        f"{result['test_perplexity']:.2f}",
        result["method"],
        "" if load is None else f"{load:.1f}",
    ]


def _below(record: Record) -> list[str]:
    terms = record.terms
    lines = [f"{terms.minutes:g} minutes each on {terms.corpus}, seed {terms.seed}; perplexities of valid and test"]
    for name, result in record.results.items():
        for method, perplexities in result["perplexities"].items():
            if method != result["method"]:
                lines.append(f"{name}, read as {method}: {perplexities['valid']:.2f}, {perplexities['test']:.2f}")
    lines += [f"missing: {name}: {reason}" for name, reason in record.missing.items()]
    origins = (result["provenance"] for result in record.results.values())
    told = (f"{each['processor']}; {each['date'][:10]}; commit {each['commit'] or 'unknown'}" for each in origins)
    return lines + list(dict.fromkeys(told))
