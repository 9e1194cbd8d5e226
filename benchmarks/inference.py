"""Speed of an exported model compared with PyTorch: a step, many sentences, a cold start, a keystroke.

python benchmarks/inference.py --json inference.json
"""

import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from harness.interpreters import interpreter_with, own_interpreter
from harness.models import ModelSize, make_models
from harness.report import Report, json_option, pytorch_option, quartiles, ratio, reporting, timeout_option
from harness.rotation import Peer, rotate
from nextword.cli.options.command import command
from nextword.cli.options.setting_option import Tables, given_settings
from nextword.settings import Settings, setting
from nextword.system.capacity import read_capacity
from nextword.system.processor import read_processor

# A buffer several times as large as the last cache is read from memory, not from the cache.
_CACHES, _MIN_BUFFER, _MAX_BUFFER = 4, 2**27, 2**30

# In single steps of one text, PyTorch's LSTM is faster without oneDNN, which few of its users know.
_WITHOUT_ONEDNN = "pytorch-step-float32-without-onednn"


@dataclass(frozen=True, kw_only=True)
class Effort(Settings):
    """How much is measured."""

    group: ClassVar[str] = "effort"

    turns: int = setting(6, help="Turns of each peer.", at_least=1, at_most=1000)
    steps: int = setting(200, help="Steps in a turn.", at_least=1, at_most=10**6)
    sentences: int = setting(
        10_000, help="Sentences to score, over all turns; at least one in each.", at_least=1, at_most=10**6
    )
    starts: int = setting(5, help="Cold starts, and loads in a running process.", at_least=1, at_most=1000)
    keys: int = setting(2400, help="Keystrokes, over all turns.", at_least=1, at_most=10**6)


def groups_of(effort: Effort, common: dict[str, Any], pytorch: str | None) -> list[tuple[list[Peer], int, int]]:
    """Return groups of peers that take turns, each with its number of turns and of steps in a turn."""
    cores, torch = read_capacity().cores, partial(interpreter_with, "torch", pytorch)
    largest_cache = max(read_processor().caches.values(), default=0)
    buffer_bytes = min(max(_CACHES * largest_cache, _MIN_BUFFER), _MAX_BUFFER)

    def peer(task: str, by: str, precision: str, name: str = "", **options: Any) -> Peer:
        settings = {"task": task, "precision": precision, "threads": 1, "onednn": True, "buffer_bytes": 0, **common}
        bundle = "mixture" if name.endswith("-mixture") else precision
        settings |= {"bundle": f"{common['folder']}/{bundle}", **options}
        interpreter = torch if by == "pytorch" else own_interpreter
        return Peer(name or f"{by}-{task}-{precision}", f"inference_{by}.py", settings, interpreter)

    steps = [
        peer("step", "nextword", "int8", buffer_bytes=buffer_bytes),
        peer("step", "nextword", "int8", "nextword-step-mixture"),
        peer("step", "pytorch", "int8"),
        peer("step", "nextword", "float32"),
        peer("step", "pytorch", "float32"),
        peer("step", "pytorch", "float32", _WITHOUT_ONEDNN, onednn=False),
    ]
    scores = [
        peer("score", by, precision, threads=cores)
        for by in ("nextword", "pytorch")
        for precision in ("int8", "float32")
    ]
    scores.append(peer("score", "nextword", "int8", "nextword-score-mixture", threads=cores))
    starts = [
        peer("start", "start", "int8", "nextword-start"),
        peer("start", "start", "int8", "nextword-start-mixture"),
        peer("load", "nextword", "int8", "nextword-load"),
    ]
    keys = [peer("keys", "nextword", "int8", name) for name in ("nextword-keys", "nextword-keys-mixture")]
    return [
        (steps, effort.turns, effort.steps),
        (scores, effort.turns, 1),
        (starts, effort.starts, 1),
        (keys, effort.turns, -(-effort.keys // effort.turns)),
    ]


def summary(peers: dict[str, Peer], made: dict[str, Any]) -> dict[str, Any]:
    """Return ratios and the numbers of nextword alone; one is `None` if what it needs is missing."""

    def median(name: str, task: str) -> float | None:
        return peers[name].median(task) if name in peers else None

    def step(by: str, precision: str) -> float | None:
        return median(f"{by}-step-{precision}", "step")

    def key(name: str, percentile: int) -> float | None:
        return 1000 * float(np.percentile(peers[name].seconds["key"], percentile)) if name in peers else None

    shares = {name: sum(peer.seconds["share"]) for name, peer in peers.items() if "share" in peer.seconds}
    speeds = {name: made["words"] / seconds for name, seconds in shares.items()}
    ours = [speeds[name] for name in speeds if name.startswith("nextword") and not name.endswith("mixture")]
    read = median("nextword-step-int8", "read")
    buffer_bytes = peers["nextword-step-int8"].settings["buffer_bytes"] if read else 0
    return {
        "ratios": {
            "pytorch-int8": ratio(step("pytorch", "int8"), step("nextword", "int8")),
            "pytorch-float32": ratio(step("pytorch", "float32"), step("nextword", "int8")),
            "scoring": ratio(max(ours, default=None), speeds.get("pytorch-score-float32")),
        },
        "other_ratios": {
            "pytorch-float32-without-onednn": ratio(median(_WITHOUT_ONEDNN, "step"), step("nextword", "int8")),
            "step-float32": ratio(step("pytorch", "float32"), step("nextword", "float32")),
            "scoring-float32": ratio(speeds.get("nextword-score-float32"), speeds.get("pytorch-score-float32")),
            "scoring-int8": ratio(speeds.get("nextword-score-int8"), speeds.get("pytorch-score-int8")),
        },
        "mixture": {
            "step": ratio(median("nextword-step-mixture", "step"), step("nextword", "int8")),
            "scoring": ratio(speeds.get("nextword-score-int8"), speeds.get("nextword-score-mixture")),
            "cold_start_seconds": median("nextword-start-mixture", "start"),
            "suggest_p50_ms": key("nextword-keys-mixture", 50),
            "suggest_p99_ms": key("nextword-keys-mixture", 99),
        },
        "words_per_second": speeds,
        "read_bytes_per_second": ratio(buffer_bytes, read),
        "step_over_read": ratio(step("nextword", "int8"), read and read * made["weights_per_step"] / buffer_bytes),
        "cold_start_seconds": median("nextword-start", "start"),
        "cold_start_mb": peers["nextword-start"].peak_memory_bytes / 1e6 if "nextword-start" in peers else None,
        "load_seconds": median("nextword-load", "load"),
        "suggest_p50_ms": key("nextword-keys", 50),
        "suggest_p99_ms": key("nextword-keys", 99),
    }


@command(Effort, ModelSize, examples=["python benchmarks/inference.py --json inference.json"], is_common=False)
@timeout_option
@pytorch_option
@json_option
def inference(timeout: float, pytorch: str | None, json_path: Path | None, given: Tables) -> None:
    """Measure the speed of an exported model with random weights, compared with the same model in PyTorch.

    Each peer runs in a separate process, in turn. Only the requested file is left behind.
    """
    with reporting("inference", json_path) as report, tempfile.TemporaryDirectory(prefix="nextword-") as folder:
        size, effort = given_settings(given, ModelSize), given_settings(given, Effort)
        report.say("making the models and the sentences")
        sentences = max(effort.sentences, effort.turns)
        made = make_models(Path(folder), size, timeout, sentences=sentences, shares=effort.turns)
        common = {"folder": folder, "model": size.to_table(), "parameters": made["parameters"]}
        measured: dict[str, Peer] = {}
        for peers, turns, steps in groups_of(effort, common, pytorch):
            measured |= rotate(peers, report, repeats=turns, steps=steps, timeout=timeout)
        _report(measured, report)
        report.add("summary", **summary(measured, made), made=made, missing=report.missing)


def _report(peers: dict[str, Peer], report: Report) -> None:
    """Add a line for each peer and task."""
    for name, peer in peers.items():
        for task, seconds in peer.seconds.items():
            lower, median, upper = (1000 * value for value in quartiles(seconds))
            report.add("peer", peer=name, task=task, ms=median, lower=lower, upper=upper, **peer.to_record())


if __name__ == "__main__":
    inference()
