"""A report of the inference benchmark as readable tables."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.inference.catalogue import SCORE, STEP, WITHOUT_ONEDNN, name_of
from harness.inference.report import PRECISIONS, InferenceReport
from harness.speed.render import plain_table, provenance_lines

_BYS = ("nextword", "pytorch")


def render_inference(report: InferenceReport) -> RenderableType:
    """Return the tables of steps and of scoring, the other figures, and the notes below them."""
    lines = [line for line in _figures(report) if line is not None]
    lines += [f"missing: {name}: {reason}" for name, reason in report.rotation.missing.items()]
    return Group(_steps(report), _scores(report), *map(Text, lines), *provenance_lines(report.provenance))


def _steps(report: InferenceReport) -> Table:
    table = plain_table("a step of one text", "threads", "ms", "quartiles", "nextword is", "memory")
    ratios = {
        name_of(STEP, "pytorch", "int8"): report.ratios["pytorch-int8"],
        name_of(STEP, "pytorch", "float32"): report.ratios["pytorch-float32"],
        WITHOUT_ONEDNN: report.other_ratios["pytorch-float32-without-onednn"],
    }
    for name in [*(name_of(STEP, by, precision) for precision in PRECISIONS for by in _BYS), WITHOUT_ONEDNN]:
        seconds = report.step_seconds(name)
        if seconds is not None:
            lower, median, upper = (1000 * value for value in seconds)
            figures = [f"{median:.3f}", f"{lower:.3f}-{upper:.3f}", _times(ratios.get(name))]
            table.add_row(name, _threads(report, name), *figures, _memory(report, name))
    return table


def _scores(report: InferenceReport) -> Table:
    table = plain_table(f"{report.effort.sentences:,} sentences", "threads", "words/s", "nextword is", "memory")
    theirs = name_of(SCORE, "pytorch", "float32")
    for precision in PRECISIONS:
        for by in _BYS:
            name, rate = name_of(SCORE, by, precision), report.words_per_second(by, precision)
            if rate is not None:
                ratio = _times(report.ratios["scoring"]) if name == theirs else ""
                table.add_row(name, _threads(report, name), f"{rate:,.0f}", ratio, _memory(report, name))
    return table


def _figures(report: InferenceReport) -> list[str | None]:
    engine, rate, over = report.scoring_engine, report.bytes_per_second, report.step_over_read
    weights = f"{report.size.weights_per_step / 1e6:.1f} MB of weights"
    return [
        "steps are compared with nextword's in int8" + (f", scoring with nextword's in {engine}" if engine else ""),
        _told(over, f"a step in int8 takes {{:.2f}} of the time to read its {weights} once"),
        _told(rate and rate / 1e9, "one thread reads memory at {:.1f} GB/s"),
        _told(report.cold_start_seconds, "nextword suggest from a cold start: {:.2f} s"),
        _told(report.cold_start_bytes and report.cold_start_bytes / 1e6, "its memory at most: {:.0f} MB"),
        _told(report.load_seconds, "loading in a running process: {:.3f} s"),
        _told(report.key_milliseconds(50), "a key and its suggestions on one core, median: {:.2f} ms"),
        _told(report.key_milliseconds(99), "the 99th percentile of the keys: {:.2f} ms"),
    ]


def _told(value: float | None, text: str) -> str | None:
    return None if value is None else text.format(value)


def _times(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f} x as fast"


def _threads(report: InferenceReport, name: str) -> str:
    return str(report.rotation.measurements[name].description.threads)


def _memory(report: InferenceReport, name: str) -> str:
    return f"{report.rotation.measurements[name].peak_memory_bytes / 1e6:,.0f} MB"
