"""Training speed on this machine, compared with other programs; or, with nextword alone, how the cost of a word grows.

python benchmarks/training.py --json training.json --plot training.svg
python benchmarks/training.py --scaling --json scaling.json --plot scaling.svg
"""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from harness.chart import require_chart
from harness.charts import scaling_chart, speed_chart
from harness.report import Report, json_option, pytorch_option, ratio, reporting, timeout_option
from harness.rotation import rotate
from harness.training_peers import COMPARED, PRODUCTS, peaks_of, peers_of, speed_of
from harness.workload import Workload
from nextword.cli.options.command import command
from nextword.cli.options.setting_option import Tables
from nextword.errors import SettingError
from nextword.model.architecture import Architecture
from nextword.model.presets import preset_names
from nextword.settings import unknown_name
from nextword.system.files import write_file
from nextword.system.framework import ComputeDtype
from nextword.text.options import BatchOptions

_PRODUCT_REPETITIONS = 3


def measure(workload: Workload, names: list[str], pytorch: str | None, report: Report, **effort: Any) -> str:
    """Measure peers in turn, and return the chart of their speed."""
    peers = peers_of(workload, pytorch)
    measured = rotate([peers[name][0] for name in peers if name in names], report, **effort)
    products = measured.pop(PRODUCTS, None)
    peaks = peaks_of(products.seconds if products else {})
    speeds = {name: speed_of(peer, peers[name][1], peaks) for name, peer in measured.items()}
    words = {name: speed["words_per_second"] for name, speed in speeds.items()}
    ratios = {name: ratio(words.get(ours), words.get(name)) for name, ours in COMPARED.items()}
    for name, speed in speeds.items():
        report.add("peer", peer=name, ratio=ratios.get(name), **speed, workload=peers[name][1].to_table())
    share = speeds["nextword"]["peak_share"] if "nextword" in speeds else None
    if measured or products:
        report.add("summary", ratios=ratios, peak_share=share, peaks=peaks, missing=report.missing)
    return speed_chart(speeds, report.origin["processor"])


def measure_scaling(workload: Workload, report: Report, *, steps: int, timeout: float) -> str:
    """Measure nextword at every point, and the products before the first and after each; return the chart.

    A point's share of the peak uses the products right before and right after it.
    """
    points = list(workload.points())
    products, _ = peers_of(workload)[PRODUCTS]
    products.timeout = timeout
    speeds: dict[Workload, dict[str, Any]] = {}
    with ExitStack() as running, report.missing_on(PRODUCTS):
        running.enter_context(products)
        before = products.run(_PRODUCT_REPETITIONS)
        for number, work in enumerate(dict.fromkeys(point[-1] for point in points), start=1):
            report.say(f"workload {number} of {len({point[-1] for point in points})}")
            peer, _ = peers_of(work)["nextword"]
            peer.timeout = timeout
            with report.missing_on(f"workload {number}"), peer:
                peer.run(steps)
                after = products.run(_PRODUCT_REPETITIONS)
                speeds[work] = speed_of(peer, work, peaks_of({name: before[name] + after[name] for name in before}))
                before = after
    rows = [
        report.add("point", axis=axis, value=value, factor=factor, **speeds[work])
        for axis, factor, value, work in points
        if work in speeds
    ]
    return scaling_chart(rows, report.origin["processor"])


@command(
    BatchOptions,
    Architecture,
    examples=[line for line in (__doc__ or "").splitlines() if line.startswith("python")],
    is_common=False,
)
@click.option("--preset", help=f"Model and windows of a preset: {', '.join(preset_names())} (default: 2 x 512 units).")
@click.option(
    "--compute-dtype",
    type=click.Choice(["auto", "float32", "bfloat16"]),
    default="auto",
    help="Precision of nextword's matrix products.",
)
@click.option("--only", "--peers", "only", metavar="NAMES", help="Peers, separated by commas (default: all).")
@click.option("--scaling", is_flag=True, help="Measure nextword alone, along batch, steps, width, vocabulary, layers.")
@click.option("--repeats", type=click.IntRange(1), help="Turns of each peer.  (default: 6)")
@click.option("--steps", type=click.IntRange(1), default=4, show_default=True, help="Training steps in a turn.")
@click.option("--plot", "plot_path", type=click.Path(path_type=Path, dir_okay=False), help="Draw to an .svg file.")
@timeout_option
@pytorch_option
@json_option
def training(
    preset: str | None,
    compute_dtype: ComputeDtype,
    only: str | None,
    scaling: bool,
    repeats: int | None,
    steps: int,
    plot_path: Path | None,
    timeout: float,
    pytorch: str | None,
    json_path: Path | None,
    given: Tables,
) -> None:
    """Measure how fast nextword trains on this machine.

    The same model also runs as stock Keras layers and in PyTorch, the tutorial's program runs at its own shape, and
    plain matrix products show what the processor can do. Each peer runs in a process of its own, in turn with the
    others.
    """
    with reporting("training", json_path) as report:
        workload = Workload.of(preset, given, compute_dtype)
        known = list(peers_of(workload, pytorch))
        names = known if only in (None, "all") else [name.strip() for name in str(only).split(",")]
        for name in names:
            if name not in known:
                raise SettingError(unknown_name("peer", name, [*known, "all"]))
        if scaling and (only or repeats or pytorch):
            raise SettingError("`--scaling` measures nextword alone; leave out `--only`, `--repeats` and `--pytorch`")
        require_chart(plot_path)
        if scaling:
            chart = measure_scaling(workload, report, steps=steps, timeout=timeout)
        else:
            effort = {"repeats": repeats or 6, "steps": steps, "timeout": timeout}
            chart = measure(workload, names, pytorch, report, **effort)
        if plot_path is not None and report.lines:
            write_file(plot_path, chart.encode())


if __name__ == "__main__":
    training()
