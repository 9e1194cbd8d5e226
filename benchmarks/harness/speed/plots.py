"""Pictures of benchmarks."""

from pathlib import Path
from typing import Any

from harness.pictures.drawing import MAIN_COLOR, MARK_COLOR, QUIET_COLOR, draw_picture, finish_axes, require_matplotlib
from harness.speed.catalogue import OURS, OURS_AT_TUTORIAL
from harness.speed.report import Report
from harness.speed.scaling import ScalingReport
from harness.speed.scaling_points import Point
from nextword.errors import SettingError

_FORMATS = (".svg", ".png", ".pdf")


def require_plots(path: Path) -> None:
    """Raise if a picture cannot be drawn to `path`, before anything is measured for it.

    Raises:
        SettingError: The name does not end like that of a picture.
        MissingExtraError: matplotlib is not installed.
    """
    if path.suffix not in _FORMATS:
        raise SettingError(f"`--plot` must end in {', '.join(_FORMATS)}, but is {path}")
    require_matplotlib("plots")


def draw_report(report: Report, path: Path) -> None:
    """Draw a bar of words a second for each peer, with whiskers from quartile to quartile."""
    draw_picture(path, (8, 1.1 + 0.42 * len(report.rows)), lambda figure: _draw_bars(figure.subplots(), report))


def draw_scaling(report: ScalingReport, path: Path) -> None:
    """Draw words a second, above, and the share of the product peak, below, along each axis."""
    axes = dict.fromkeys(point.axis for point in report.points)
    draw_picture(path, (2.6 * len(axes), 5), lambda figure: _draw_panels(figure, report, list(axes)))


def _draw_bars(axes: Any, report: Report) -> None:
    names = list(report.rows)
    words = [row.words_per_second for row in report.rows.values()]
    whiskers = [[each.median - each.lower for each in words], [each.upper - each.median for each in words]]
    colors = [MAIN_COLOR if name in (OURS, OURS_AT_TUTORIAL) else QUIET_COLOR for name in names]
    axes.barh(names, [each.median for each in words], xerr=whiskers, color=colors, ecolor="#111827", capsize=3)
    right = max((each.upper for each in words), default=1.0)
    for position, each in enumerate(words):
        axes.text(each.upper + 0.012 * right, position, f"{each.median:,.0f}", va="center", fontsize=9)
    axes.set_xlim(0, 1.12 * right)
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel("words a second in training: median, whiskers from quartile to quartile")
    axes.set_title(report.provenance.processor, fontsize=10)
    finish_axes(axes, "x")


def _draw_panels(figure: Any, report: ScalingReport, names: list[str]) -> None:
    panels = figure.subplots(2, len(names), squeeze=False, sharey="row", sharex="col")
    for name, (above, below) in zip(names, panels.T, strict=True):
        points = [point for point in report.points if point.axis == name and point.workload in report.rows]
        _draw_words(above, points, report)
        shared = [point for point in points if report.shares[point.workload] is not None]
        shares = [report.shares[point.workload] for point in shared]
        below.plot([point.value for point in shared], shares, color=MAIN_COLOR, marker="o", markersize=4)
        below.set_ylim(0, 1)
        below.set_xscale("log", base=2)
        below.set_xticks([point.value for point in points], [f"{point.value:,}" for point in points], fontsize=8)
        below.minorticks_off()
        below.set_xlabel(name)
        finish_axes(below)
    panels[0, 0].set_ylabel("words a second")
    panels[0, 0].legend(frameon=False, fontsize=8)
    panels[1, 0].set_ylabel("share of the product peak")
    figure.suptitle(report.provenance.processor, fontsize=10)


def _draw_words(axes: Any, points: list[Point], report: ScalingReport) -> None:
    values = [point.value for point in points]
    rows = [report.rows[point.workload] for point in points]
    words = [row.words_per_second.median for row in rows]
    axes.plot(values, words, color=MAIN_COLOR, marker="o", markersize=4, label="nextword")
    peaks = [report.peaks.get(row.measurement.description.dtype) for row in rows]
    at_peak = [
        peak.flops_per_second / point.workload.flops_per_word
        for peak, point in zip(peaks, points, strict=True)
        if peak is not None
    ]
    if at_peak and len(at_peak) == len(values):
        axes.plot(values, at_peak, color=MARK_COLOR, linestyle="--", linewidth=1, label="at the product peak")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:,.0f}")
    finish_axes(axes)
