"""Speed of an exported model beside PyTorch: a step, many sentences, a cold start, a key press.

python benchmarks/inference.py --json inference.json
"""

import json
import shlex
import sys
from pathlib import Path

import click
from rich.console import Console

from harness.inference.measure import measure_inference
from harness.inference.render import render_inference
from harness.inference.settings import Effort, ModelSize
from harness.speed.peer import PeerError
from nextword.cli.options.command import command
from nextword.cli.options.setting_option import Tables, given_settings
from nextword.disk.files import write_file
from nextword.errors import NextwordError, SettingError

_COLUMNS_OF_A_FILE = 160


@command(Effort, ModelSize, examples=["python benchmarks/inference.py --json inference.json"], is_common=False)
@click.option("--pytorch", metavar="PYTHON", help="A Python with PyTorch; else NEXTWORD_PYTORCH, or one on the path.")
@click.option(
    "--timeout", type=click.FloatRange(0.1), default=600.0, show_default=True, help="Seconds to wait for a peer."
)
@click.option(
    "--json", "json_path", type=click.Path(path_type=Path, dir_okay=False), help="Write everything to a file."
)
def inference(pytorch: str | None, timeout: float, json_path: Path | None, given: Tables) -> None:
    """Measure the speed of an exported model with random weights, beside the same model in PyTorch.

    Each peer runs in a separate process, in turn. Only the requested file is left behind.
    """
    try:
        size, effort = given_settings(given, ModelSize), given_settings(given, Effort)
        if json_path is not None and not json_path.absolute().parent.is_dir():
            raise SettingError(f"`{json_path}` must be in a folder that exists, but is not; create it first")
        report = measure_inference(
            size, effort, pytorch=pytorch, timeout=timeout, say=lambda line: click.echo(line, err=True)
        )
        console = Console(highlight=False)
        if not console.is_terminal:
            console.width = _COLUMNS_OF_A_FILE
        console.print(render_inference(report))
        if not report.measured:
            raise PeerError("nothing could be measured; the reasons are above")
        if json_path is not None:
            line = shlex.join(["python", "benchmarks/inference.py", *sys.argv[1:]])
            table = {**report.to_table(), "command": line}
            write_file(json_path, json.dumps(table, indent=2, allow_nan=False).encode() + b"\n")
    except NextwordError as error:
        click.echo(f"inference: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    inference()
