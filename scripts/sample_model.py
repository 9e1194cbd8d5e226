"""Make the sample model that ships with nextword, by nextword's own commands: `make sample-model`.

    python scripts/sample_model.py          trains for about 100 minutes on two free cores

Two wider networks are trained first, one on each core, and their mixture teaches the sample model. All runs are kept
in `runs`. An interrupted run is resumed, and a finished one is only exported again. The same commit on the same machine
gives the same bits, except for the date on the model card.
"""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from nextword.bundle.store import read_bundle, write_bundle

ROOT = Path(__file__).parents[1]
NAME = "austen"
CONFIG = Path("scripts/sample_model.toml")
TEACHER = Path("runs/sample-teacher")
RUN = Path("runs/sample-model")
EXPORTED = Path("runs/sample-model-int8")
MIXED = Path("runs/sample-model-mixed")
FINISHED = Path("runs/sample-model-finished")
TARGET = Path("src/nextword/bundle/samples") / NAME

MAX_BYTES = 6_000_000
"""The largest size of the model's directory."""


def nextword(*arguments: str | Path) -> str:
    """Run a command of nextword and return its standard output."""
    command = [sys.executable, "-m", "nextword", *map(str, arguments)]
    print("$ nextword", *arguments, flush=True)
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def commit() -> str:
    """Return the commit of the code, marked if files were changed since."""
    git = ["git", "-C", str(ROOT)]
    revision = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    changed = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", "src", "scripts"], check=False).returncode
    return f"{revision} with changes" if changed else revision


def train_teacher() -> None:
    """Train the network that the model learns from, unless that was done."""
    if not (ROOT / TEACHER / "config.toml").is_file():
        nextword("train", NAME, "--epochs", "8", "--compute-dtype", "float32", "--no-mixture", "--run", TEACHER)
    elif not (ROOT / TEACHER / "model").is_dir():
        nextword("train", "--resume", TEACHER)


def train() -> dict[str, Any]:
    """Train the model unless that was done, and return the figures of the run."""
    train_teacher()
    if not (ROOT / RUN / "config.toml").is_file():
        nextword("train", NAME, "--config", CONFIG, "--run", RUN)
    elif not (ROOT / RUN / "model").is_dir():
        nextword("train", "--resume", RUN)
    figures: dict[str, Any] = json.loads((ROOT / RUN / "metrics.json").read_text(encoding="utf-8"))
    return figures


def export() -> None:
    """Write the model in eight bits, without its float32 weights, and that model with a mixture tuned for it."""
    for former in (EXPORTED, MIXED):
        shutil.rmtree(ROOT / former, ignore_errors=True)
    nextword("export", RUN, "--int8", "--slim", "-o", EXPORTED)
    nextword("mix", EXPORTED, NAME, "-o", MIXED)


def section(figures: dict[str, Any]) -> str:
    """Return the last section of the card: the figures of both precisions, and how to make the model again."""
    before = {row["split"]: row["perplexity"] for row in figures["splits"]}
    rows = []
    for split in ("valid", "test"):
        columns = json.loads(nextword("evaluate", MIXED, NAME, "--split", split, "--json"))["evaluations"]
        static, used = (f"{column['perplexity']:.2f}" for column in columns)
        rows.append(f"| {split} | {before[split]:.2f} | {static} | {used} | {columns[0]['num_tokens']:,} |")
    names = "| split | perplexity, float32 | perplexity, int8 | int8 as used | tokens |"
    table = "\n".join([names, "|---|---|---|---|---|", *rows])
    return f"""
## The sample model

This model ships with nextword under the name `{NAME}`. It learned from the text and from the mixture of two wider
networks, which had read the same text (`scripts/sample_model.py`).

{table}

`make sample-model` makes it again, to the same figures. It was made at commit `{commit()}`.
"""


def install(figures: dict[str, Any]) -> None:
    """Put the exported model into the package, under its name and with its card."""
    exported = read_bundle(ROOT / MIXED)
    card = exported.card.replace(f"# {exported.name}\n", f"# {NAME}\n", 1)
    card = card.replace(", with the path of the model as `MODEL`", "").replace("MODEL", NAME) + section(figures)
    finished = ROOT / FINISHED
    write_bundle(finished, replace(exported, name=NAME, card=card), replace=True)
    num_bytes = sum(path.stat().st_size for path in finished.iterdir())
    if num_bytes > MAX_BYTES:
        raise SystemExit(f"the sample model must have at most {MAX_BYTES:,} bytes, but has {num_bytes:,}")
    shutil.rmtree(ROOT / TARGET, ignore_errors=True)
    shutil.move(finished, ROOT / TARGET)
    print(f"{TARGET}: {num_bytes:,} bytes")


def main() -> None:
    """Make the sample model."""
    figures = train()
    export()
    install(figures)


if __name__ == "__main__":
    main()
