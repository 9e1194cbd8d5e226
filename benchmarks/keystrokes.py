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
from pathlib import Path
from typing import Any

import click

from harness.ledger.keystrokes import KeystrokeResult, results_of_evaluation
from harness.ledger.lines import read_ledger, write_ledger
from harness.speed.provenance import Provenance
from nextword.errors import NextwordError, SettingError

_LEDGER = Path(__file__).resolve().parent.parent / "docs" / "keystrokes.jsonl"


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, required=True, metavar="RUN_OR_MODEL [TEXT] [FLAGS OF EVALUATE]...")
@click.option("--corpus", required=True, help="Name of the text that is typed.")
@click.option("--model", required=True, help="Name of the model in the table.")
@click.option("--counted", default="Kneser-Ney 5", help="Name of the Kneser-Ney model in the table.")
@click.option("--trained-by", default="", help="The command that made the model.")
@click.option("--shown-as", help="The command as the ledger keeps it, without folders of this machine.")
@click.option("--seed", type=int, default=0, help="Seed of the training.")
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
    """Evaluate keystrokes, and add the figures to the ledger."""
    try:
        provenance = Provenance.now()
        table, seconds = _evaluated(arguments)
        origin = {
            "corpus": corpus,
            "models": (model, counted),
            "trained_by": trained_by,
            "command": shown_as or shlex.join(["nextword", "evaluate", *arguments, "--keystrokes"]),
            "commit": (provenance.commit or "unknown")[:7],
            "seed": seed,
            "seconds": round(seconds, 1),
            "processor": provenance.processor + (", not idle" if provenance.busy else ""),
        }
        known = read_ledger(ledger, KeystrokeResult) if ledger.exists() else []
        write_ledger(ledger, [*known, *results_of_evaluation(table, origin)])
    except NextwordError as error:
        click.echo(f"keystrokes: {error}", err=True)
        sys.exit(error.exit_code)


def _evaluated(arguments: tuple[str, ...]) -> tuple[dict[str, Any], float]:
    """Return what the command printed, and how many seconds it took."""
    began = time.monotonic()
    command = [sys.executable, "-m", "nextword", "evaluate", *arguments, "--keystrokes", "--json"]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if ended.returncode:
        raise SettingError(f"`{shlex.join(command[1:])}` must succeed, but ended with {ended.returncode}")
    return json.loads(ended.stdout), time.monotonic() - began


if __name__ == "__main__":
    keystrokes()
