"""A report of the serving benchmark as readable tables."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.serving.catalogue import FIXED, FLOAT32, INT8, ONE_AT_A_TIME, STREAMED, THREADS, UNBATCHED
from harness.serving.outcome import Outcome
from harness.serving.report import ServingReport
from harness.speed.render import plain_table, provenance_lines

_PERCENTILES = ("p50", "p99", "first_p50", "first_p99")


def render_serving(report: ServingReport) -> RenderableType:
    """Return the table of the servers, one for each scenario, and the notes below them."""
    parts: list[RenderableType] = []
    if report.throughput.loads:
        parts += [_servers(report), *map(Text, _notes(report))]
    for outcome in report.outcomes:
        parts += [_scenario(outcome), *(Text(f"missing: {name}: {why}") for name, why in outcome.missing.items())]
    missing = (Text(f"missing: {name}: {reason}") for name, reason in report.throughput.missing.items())
    return Group(*parts, *missing, *provenance_lines(report.provenance))


def _servers(report: ServingReport) -> Table:
    headings = ("clients", "tokens/s", "turns", "requests/s", "p50 ms", "p99 ms", "first p50", "first p99")
    table = plain_table("server", *headings, "nextword is", "clients' core")
    for name, clients in report.throughput.loads:
        rates, rate = report.rates(name, clients), report.rate(name, clients)
        percentiles = report.milliseconds(name, clients)
        table.add_row(
            name,
            str(clients),
            "" if rate is None or name == FIXED else f"{rate:,.0f}",
            "" if name == FIXED else f"{min(rates):,.0f}-{max(rates):,.0f}",
            f"{report.requests_per_second(name, clients) or 0:,.1f}",
            *(_told(percentiles[each]) if "first" not in each or STREAMED in name else "" for each in _PERCENTILES),
            _ratio(report, name, clients),
            f"{report.client_share(name, clients) or 0:.0%}",
        )
    return table


def _ratio(report: ServingReport, name: str, clients: int) -> str:
    ratio = {
        FLOAT32 + UNBATCHED: report.ratios[f"batched-{clients}"],
        INT8 + UNBATCHED: report.other_ratios[f"int8-batched-{clients}"],
        **{each: report.other_ratios[f"{each}-{clients}"] for each in (ONE_AT_A_TIME, THREADS)},
    }.get(name)
    return "" if ratio is None else f"{ratio:.2f} x as fast"


def _notes(report: ServingReport) -> Iterator[str]:
    for precision, rates in report.ceilings.items():
        told = ", ".join(f"{rate:,.0f} tokens/s for {batch}" for batch, rate in rates.items() if batch.isdigit())
        gains = ", ".join(f"{gain:.1f} x for {name[5:]}" for name, gain in rates.items() if name.startswith("gain-"))
        yield f"the engine alone, {precision}, by texts in a step: {told}; so batching can gain {gains}"
    yield "unbatched, int8 and PyTorch are compared with nextword in the same precision, PyTorch with float32"


def _scenario(outcome: Outcome) -> Table:
    table = plain_table(outcome.name, "figure", "bar", "")
    for bar in outcome.bars:
        limit = f"{'at least' if bar.at_least else 'at most'} {bar.limit:,g}"
        table.add_row(bar.what, _told(bar.value, "none"), limit, "met" if bar.met else "missed")
    for what, value in outcome.figures.items():
        if not isinstance(value, dict | list):
            table.add_row(what, _told(value) if isinstance(value, int | float) else str(value))
    return table


def _told(value: float | None, otherwise: str = "") -> str:
    if value is None:
        return otherwise
    return f"{value:,.0f}" if abs(value) >= 100 or float(value).is_integer() else f"{value:.3g}"
