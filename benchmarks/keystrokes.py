"""Measures the keystrokes that a model saves, and adds them to docs/keystrokes.jsonl.

python benchmarks/keystrokes.py runs/ptb-10 --corpus ptb --model "LSTM, 10 minutes" \\
    --trained-by "nextword train ptb --minutes 10"
python benchmarks/results.py
"""

import json
import shlex
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from harness.ledger import KeystrokeResult, read_ledger, results_of_evaluation, short_commit, write_ledger
from harness.report import reporting
from nextword.errors import SettingError

_LEDGER = Path(__file__).resolve().parent.parent / "docs" / "keystrokes.jsonl"


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, required=True, metavar="RUN_OR_MODEL [TEXT] [FLAGS OF EVALUATE]...")
@click.option("--corpus", required=True, help="Name of the text that is typed.")
@click.option("--model", required=True, help="Name of the model in the table.")
@click.option("--counted", default="Kneser-Ney 5", help="Name of the Kneser-Ney model in the table.")
@click.option("--trained-by", default="", help="The command that made the model.")
@click.option("--shown-as", help="The command as the ledger keeps it, without folders of this machine.")
@click.option("--seed", type=int, default=0, help="Seed of the training run.")
@click.option("--ledger", type=click.Path(path_type=Path, dir_okay=False), default=_LEDGER, help="Where to add it.")
def keystrokes(
    arguments: tuple[str, ...],
    corpus: str,
    model: str,
    counted: str,
    trained_by: str,
    shown_as: str | None,
    seed: int,
    ledger: Path,
) -> None:
    """Evaluate keystrokes, print a line for each model, and add the lines to the ledger."""
    with reporting("keystrokes") as report:
        table, seconds = _evaluated(arguments)
        origin = {
            "corpus": corpus,
            "trained_by": trained_by,
            "command": shown_as or shlex.join(["nextword", "evaluate", *arguments, "--keystrokes"]),
            "commit": short_commit(report.origin["commit"]),
            "seed": seed,
            "seconds": round(seconds, 1),
            "processor": report.origin["processor"] + (", not idle" if report.origin["is_busy"] else ""),
        }
        known = read_ledger(ledger, KeystrokeResult) if ledger.exists() else []
        results = results_of_evaluation(table, (model, counted), origin)
        write_ledger(ledger, [*known, *results])
        for result in results:
            report.add("result", **asdict(result))


def _evaluated(arguments: tuple[str, ...]) -> tuple[dict[str, Any], float]:
    """Return what the command printed, and how many seconds it took."""
    start = time.monotonic()
    command = [sys.executable, "-m", "nextword", "evaluate", *arguments, "--keystrokes", "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SettingError(f"`{shlex.join(command[1:])}` must succeed, but ended with {done.returncode}")
    return json.loads(done.stdout), time.monotonic() - start


if __name__ == "__main__":
    keystrokes()
