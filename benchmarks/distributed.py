"""Words a second and validation loss of one process, and of two that exchange at each step or now and then.

python benchmarks/distributed.py --json distributed.json

Each process has one core. All batches have 32 rows in all, so with `sync_every` 1 the losses are equal.
"""

import json
import math
import os
import socket
import subprocess
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import click

from harness.report import json_option, reporting

ROWS = 32
RUNS = ((1, 1), (2, 1), (2, 64))
"""Numbers of processes, with their `sync_every`."""

PROGRAM = """
import json, os, sys
rank, count, address, text, run, epochs, settings = json.loads(sys.argv[1])
os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[rank]})
import jax
if count > 1:
    jax.distributed.initialize(address, count, rank)
import nextword
nextword.train(text, preset="quick", epochs=epochs, run=run, settings=settings, verbose=0)
"""


def measure(count: int, sync_every: int, text: str, epochs: float, run: Path) -> dict[str, Any]:
    """Train in `count` processes; return the speed of all together and the loss of the last round."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    settings = {"batch_size": ROWS // count, "sync_every": sync_every, "mixture": False, "round_steps": 64}
    given = [json.dumps([rank, count, address, text, str(run), epochs, settings]) for rank in range(count)]
    processes = [subprocess.Popen([sys.executable, "-c", PROGRAM, each], stdout=sys.stderr) for each in given]
    if any(process.wait() for process in processes):
        raise click.ClickException(f"one of {count} processes failed; see its output")
    rounds = [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    return {
        "processes": count,
        "sync_every": sync_every,
        "words_per_s": round(median(each["words_per_second"] for each in rounds[1:] or rounds)),
        "valid_loss": round(math.log(rounds[-1]["valid_perplexity"]), 4),
    }


@click.command()
@click.option("--text", default="austen", show_default=True, help="Text to train on.")
@click.option("--epochs", type=click.FloatRange(0.01), default=1.0, show_default=True)
@json_option
def distributed(text: str, epochs: float, json_path: Path | None) -> None:
    """Compare one process with two, on cores of their own."""
    cores = len(os.sched_getaffinity(0))
    with reporting("distributed", json_path) as report, TemporaryDirectory(prefix="distributed-") as folder:
        for count, sync_every in RUNS:
            if count > cores:
                report.say(f"{count} processes need as many cores, but {cores} are there")
                continue
            report.say(f"{count} processes, an exchange every {sync_every} steps")
            report.add("run", **measure(count, sync_every, text, epochs, Path(folder) / f"{count}-{sync_every}"))


if __name__ == "__main__":
    distributed()
