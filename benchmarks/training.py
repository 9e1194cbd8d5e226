"""Training speed on this machine, beside other programs; or, with nextword alone, how the cost of a word grows.

python benchmarks/training.py --json training.json --plot training.svg
python benchmarks/training.py --scaling --json scaling.json --plot scaling.svg
"""

import json
import shlex
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console, RenderableType

from harness.speed.catalogue import catalogue, chosen, ours, product_peak
from harness.speed.peer import PeerError
from harness.speed.plots import draw_report, draw_scaling, require_plots
from harness.speed.provenance import Provenance
from harness.speed.render import render_report, render_scaling
from harness.speed.report import Report
from harness.speed.rotation import rotate
from harness.speed.scaling import ScalingReport, measure_scaling
from harness.speed.scaling_points import points_around
from harness.speed.workload import Workload
from nextword.cli.options.command import command
from nextword.cli.options.setting_option import Tables
from nextword.disk.files import write_file
from nextword.errors import NextwordError, SettingError
from nextword.machine.framework import ComputeDtype
from nextword.model.architecture import Architecture
from nextword.model.presets import preset_names
from nextword.text.batching.options import BatchOptions

_COLUMNS_OF_A_FILE = 160
_REPEATS = 6
_LONGEST_TIMEOUT = 1e6


@dataclass(frozen=True)
class _Effort:
    """How long to measure, and how long to wait."""

    repeats: int
    steps: int
    timeout: float


@command(
    BatchOptions,
    Architecture,
    examples=[
        "python benchmarks/training.py --json training.json --plot training.svg",
        "python benchmarks/training.py --scaling --json scaling.json --plot scaling.svg",
    ],
    is_common=False,
)
@click.option("--preset", help=f"Model and windows of a preset: {', '.join(preset_names())} (default: 2 x 512 units).")
@click.option(
    "--compute-dtype",
    type=click.Choice(["auto", "float32", "bfloat16"]),
    default="auto",
    help="Precision of nextword's matrix products.",
)
@click.option(
    "--only", "--peers", "only", metavar="NAMES", help="Peers to measure, separated by commas (default: all)."
)
@click.option("--scaling", is_flag=True, help="Measure nextword alone, along batch, steps, width, vocabulary, layers.")
@click.option("--repeats", type=click.IntRange(1), help=f"Turns of each peer.  (default: {_REPEATS})")
@click.option("--steps", type=click.IntRange(1), default=4, show_default=True, help="Training steps in a turn.")
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, _LONGEST_TIMEOUT),
    default=300.0,
    show_default=True,
    help="Seconds to wait for a peer.",
)
@click.option("--pytorch", metavar="PYTHON", help="A Python with PyTorch; else NEXTWORD_PYTORCH, or one on the path.")
@click.option(
    "--json", "json_path", type=click.Path(path_type=Path, dir_okay=False), help="Write everything to a file."
)
@click.option("--plot", "plot_path", type=click.Path(path_type=Path, dir_okay=False), help="Draw to an .svg or .png.")
def training(
    preset: str | None,
    compute_dtype: ComputeDtype,
    only: str | None,
    scaling: bool,
    repeats: int | None,
    steps: int,
    timeout: float,
    pytorch: str | None,
    json_path: Path | None,
    plot_path: Path | None,
    given: Tables,
) -> None:
    """Measure how fast nextword trains on this machine.

    The same model also runs as stock Keras layers and in PyTorch, the tutorial's program runs at its own shape, and
    plain matrix products show what the processor can do. Each peer runs in a process of its own, in turn with the
    others. Only the requested files are left behind.
    """
    try:
        workload = Workload.of(preset, given, compute_dtype=compute_dtype)
        _check_files(json_path, plot_path)
        if scaling:
            _refuse_comparing(only=only, repeats=repeats, pytorch=pytorch)
        effort = _Effort(repeats or _REPEATS, steps, timeout)
        report = _scaling_report(workload, effort) if scaling else _report(workload, effort, only, pytorch)
        _print(report)
        if not report.measured:
            raise PeerError("nothing could be measured; the reasons are above")
        line = shlex.join(["python", "benchmarks/training.py", *sys.argv[1:]])
        _write_files(report, json_path, plot_path, {"command": line, **vars(effort)})
    except NextwordError as error:
        click.echo(f"training: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        click.echo("training: interrupted", err=True)
        sys.exit(128 + signal.SIGINT)


def _report(workload: Workload, effort: _Effort, only: str | None, pytorch: str | None) -> Report:
    peers = chosen(catalogue(workload, pytorch=pytorch), only)
    provenance = Provenance.now()
    rotation = rotate(peers, repeats=effort.repeats, steps=effort.steps, timeout=effort.timeout, say=_say)
    return Report.of(rotation, provenance)


def _refuse_comparing(**options: Any) -> None:
    """Refuse options for several peers if nextword is measured alone."""
    for name, value in options.items():
        if value is not None:
            raise SettingError(
                f"`--scaling` must be used without `--{name}`, because it measures nextword alone; leave it out"
            )


def _scaling_report(workload: Workload, effort: _Effort) -> ScalingReport:
    return measure_scaling(
        points_around(workload),
        peer_of=ours,
        product_peak=product_peak(workload),
        steps=effort.steps,
        timeout=effort.timeout,
        say=_say,
    )


def _say(text: str) -> None:
    # Plain lines: a live display would use part of the measured processor.
    click.echo(text, err=True)


def _check_files(json_path: Path | None, plot_path: Path | None) -> None:
    """Refuse files that could not be written, before minutes are spent on them."""
    for path in (json_path, plot_path):
        if path is not None and not path.absolute().parent.is_dir():
            raise SettingError(f"`{path}` must be in a folder that exists, but is not; create {path.parent} first")
    if plot_path is not None:
        require_plots(plot_path)


def _print(report: Report | ScalingReport) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _COLUMNS_OF_A_FILE
    rendered: RenderableType = render_report(report) if isinstance(report, Report) else render_scaling(report)
    console.print(rendered)


def _write_files(
    report: Report | ScalingReport, json_path: Path | None, plot_path: Path | None, made_by: dict[str, Any]
) -> None:
    if json_path is not None:
        table = {**report.to_table(), **made_by}
        write_file(json_path, json.dumps(table, indent=2, allow_nan=False).encode() + b"\n")
    if plot_path is None:
        return
    if isinstance(report, Report):
        draw_report(report, plot_path)
    else:
        draw_scaling(report, plot_path)


if __name__ == "__main__":
    training()
