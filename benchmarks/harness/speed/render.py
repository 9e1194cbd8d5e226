"""A report as a readable table."""

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.speed.provenance import Provenance
from harness.speed.report import Report, Row
from harness.speed.scaling import ScalingReport


def render_report(report: Report) -> RenderableType:
    """Return the table of a training benchmark, and the notes below it."""
    table = plain_table("peer", "model", "window", "parameters", "products", "ms a step", "words/s", "quartiles")
    for heading in ("GFLOP/s", "nextword is", "memory"):
        table.add_column(heading, justify="right")
    for name, row in report.rows.items():
        table.add_row(name, *_cells(row), _times(report.ratios.get(name)), _megabytes(row))
    for name in report.rotation.missing:
        table.add_row(name, "missing")
    return Group(table, *_below(report))


def render_scaling(report: ScalingReport) -> RenderableType:
    """Return the table of how the cost of a word grows."""
    table = plain_table("axis", "value", "parameters", "ms a step", "words/s", "GFLOP/s", "of the peak")
    for point in report.points:
        row = report.rows.get(point.workload)
        if row is None:
            table.add_row(point.axis, f"{point.value:,}", "missing")
            continue
        share = report.shares[point.workload]
        table.add_row(
            point.axis,
            f"{point.value:,}",
            f"{row.measurement.description.parameters:,}",
            f"{1000 * row.seconds.median:,.1f}",
            f"{row.words_per_second.median:,.0f}",
            f"{row.flops_per_second / 1e9:,.0f}",
            f"{share:.0%}" if share is not None else "",
        )
    reasons = [Text(f"missing: {name}: {reason}") for name, reason in report.missing.items()]
    return Group(table, *reasons, *provenance_lines(report.provenance))


def plain_table(*headings: str) -> Table:
    """Return a table without rows: names on the left, figures on the right."""
    table = Table(box=box.SIMPLE, pad_edge=False)
    for index, heading in enumerate(headings):
        table.add_column(heading, justify="left" if index == 0 else "right", no_wrap=index == 0)
    return table


def _cells(row: Row) -> list[str]:
    workload = row.measurement.peer.workload
    sizes, words = workload.architecture.hidden_sizes, row.words_per_second
    same = len(set(sizes)) == 1
    return [
        f"{len(sizes)} x {sizes[0]}" if same else ", ".join(map(str, sizes)),
        f"{workload.batching.batch_size} x {workload.batching.num_steps}",
        f"{row.measurement.description.parameters:,}",
        row.measurement.description.dtype,
        f"{1000 * row.seconds.median:,.1f}",
        f"{words.median:,.0f}",
        f"{words.lower:,.0f}-{words.upper:,.0f}",
        f"{row.flops_per_second / 1e9:,.0f}",
    ]


def _times(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f} x as fast"


def _megabytes(row: Row) -> str:
    return f"{row.measurement.peak_memory_bytes / 1e6:,.0f} MB"


def _below(report: Report) -> list[Text]:
    lines = [Text(f"missing: {name}: {reason}") for name, reason in report.rotation.missing.items()]
    if report.peaks:
        peaks = (f"{dtype} {rate / 1e9:,.0f} GFLOP/s ({shape})" for dtype, (rate, shape) in report.peaks.items())
        lines.append(Text(f"fastest matrix products: {', '.join(peaks)}"))
    if report.peak_share is not None:
        lines.append(Text(f"nextword reaches {report.peak_share:.0%} of the fastest products in its precision"))
    return lines + provenance_lines(report.provenance)


def provenance_lines(provenance: Provenance) -> list[Text]:
    """Return the notes on where and when a figure was measured."""
    lines = [Text(f"{provenance.processor}; {provenance.date}; commit {provenance.commit or 'unknown'}")]
    if provenance.busy:
        lines.append(
            Text(f"the machine was not idle in the minute before (load {provenance.load:.1f}): repeat it when it is")
        )
    return lines
