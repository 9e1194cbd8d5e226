"""Speed and endurance of `nextword serve`: throughput and latency under load, beside PyTorch, and scenarios.

python benchmarks/serving.py --json serving.json
"""

import json
import shlex
import sys
from pathlib import Path

import click
from rich.console import Console

from harness.inference.settings import ModelSize
from harness.serving.measure import SCENARIOS, THROUGHPUT, measure_serving
from harness.serving.render import render_serving
from harness.serving.settings import LoadSettings, ScenarioSettings
from harness.speed.peer import PeerError
from nextword.cli.options.command import command
from nextword.cli.options.setting_option import Tables, given_settings
from nextword.disk.files import write_file
from nextword.errors import NextwordError, SettingError

_COLUMNS_OF_A_FILE = 160
_ALL = (THROUGHPUT, *SCENARIOS)


@command(
    LoadSettings,
    ScenarioSettings,
    ModelSize,
    examples=[
        "python benchmarks/serving.py --json serving.json",
        "python benchmarks/serving.py --scenario overload --scenario start",
        "python benchmarks/serving.py --turns 1 --seconds 2 --scenario throughput",
    ],
    is_common=False,
)
@click.option(
    "--scenario",
    "scenarios",
    type=click.Choice(_ALL),
    multiple=True,
    show_default="everything",
    help="What to measure.",
)
@click.option("--pytorch", metavar="PYTHON", help="A Python with PyTorch; else NEXTWORD_PYTORCH, or one on the path.")
@click.option(
    "--timeout", type=click.FloatRange(0.1), default=120.0, show_default=True, help="Seconds to wait for a server."
)
@click.option(
    "--json", "json_path", type=click.Path(path_type=Path, dir_okay=False), help="Write everything to a file."
)
def serving(
    scenarios: tuple[str, ...], pytorch: str | None, timeout: float, json_path: Path | None, given: Tables
) -> None:
    """Measure the HTTP service with a model of random weights, beside the same model in PyTorch and FastAPI.

    Each server is a process on this machine. Only the requested file is left behind.
    """
    try:
        if json_path is not None and not json_path.absolute().parent.is_dir():
            raise SettingError(f"`{json_path}` must be in a folder that exists, but is not; create it first")
        report = measure_serving(
            given_settings(given, ModelSize),
            given_settings(given, LoadSettings),
            given_settings(given, ScenarioSettings),
            [name for name in _ALL if name in scenarios or not scenarios],
            pytorch=pytorch,
            timeout=timeout,
            say=lambda line: click.echo(line, err=True),
        )
        console = Console(highlight=False)
        if not console.is_terminal:
            console.width = _COLUMNS_OF_A_FILE
        console.print(render_serving(report))
        if not report.measured:
            raise PeerError("nothing could be measured; the reasons are above")
        if json_path is not None:
            line = shlex.join(["python", "benchmarks/serving.py", *sys.argv[1:]])
            table = {**report.to_table(), "command": line}
            write_file(json_path, json.dumps(table, indent=2, allow_nan=False).encode() + b"\n")
    except NextwordError as error:
        click.echo(f"serving: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    serving()
