"""Run the real `lm_eval` against a started service, without a network, and read what it found."""

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.agreement.tasks import CHOICES, LINES, WHOLE
from harness.speed.peer import PeerError

VARIABLE = "NEXTWORD_LM_EVAL"

LONGEST = 2**20
"""Tokens of the longest document."""

_ENVIRONMENT = Path(__file__).resolve().parents[2] / "environments" / "lm_eval" / "bin" / "python"
_TASKS = (WHOLE, LINES, CHOICES)
_VERSION = "import importlib.metadata as packages; print(packages.version('lm_eval'))"


@dataclass(frozen=True)
class Found:
    """What `lm_eval` found.

    Attributes:
        whole: Log-probability of the whole text.
        lines: Log-probability of each line.
        choices: Log-probability of each continuation of each beginning.
        accuracy: Share of the beginnings whose right continuation was the most probable.
        word_perplexity: Perplexity of the whole text per white-space word, as `lm_eval` counts them.
        version: Version of `lm_eval`.
    """

    whole: float
    lines: Sequence[float]
    choices: Sequence[Sequence[float]]
    accuracy: float
    word_perplexity: float
    version: str


def lm_eval_interpreter(named: str | None = None) -> str:
    """Return a Python with `lm_eval`: the named one, that of NEXTWORD_LM_EVAL, or the one that `make peers` created.

    Raises:
        PeerError: There is none.
    """
    chosen = named or os.environ.get(VARIABLE) or str(_ENVIRONMENT)
    try:
        _version(chosen)
    except (OSError, subprocess.CalledProcessError) as error:
        raise PeerError(
            f"no interpreter with lm_eval: {chosen} cannot import it; name one by `--lm-eval` or {VARIABLE}, or make "
            "one by `make peers`"
        ) from error
    return chosen


def run_lm_eval(interpreter: str, folder: Path, port: int, model: str, *, concurrent: int, timeout: float) -> Found:
    """Run the tasks of a folder against the service at a port.

    Args:
        interpreter: A Python with `lm_eval`.
        folder: Where the tasks are; the results are written there too.
        port: Port of the service.
        model: Name of its model.
        concurrent: Requests at once.
        timeout: Seconds that it may take.

    Raises:
        PeerError: It fails, or takes too long.
    """
    arguments = {
        "model": model,
        "base_url": f"http://127.0.0.1:{port}/v1/completions",
        "tokenizer_backend": "remote",
        "num_concurrent": concurrent,
        "max_length": LONGEST,
        "timeout": int(timeout),
    }
    command = [interpreter, "-E", "-m", "lm_eval", "run", "--model", "local-completions"]
    command += ["--model_args", ",".join(f"{name}={value}" for name, value in arguments.items())]
    command += ["--tasks", ",".join(_TASKS), "--include_path", str(folder)]
    command += ["--output_path", str(folder / "results"), "--log_samples"]
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(folder / "cache")}
    try:
        done = subprocess.run(
            command, cwd=folder, env=os.environ | offline, capture_output=True, text=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise PeerError(f"lm_eval took longer than {timeout:g} seconds; give a longer `--timeout`") from error
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise PeerError(f"lm_eval ended with exit code {done.returncode}: {' / '.join(lines[-3:])[:600]}")
    return read_found(folder / "results", _version(interpreter))


def read_found(results: Path, version: str) -> Found:
    """Return what `lm_eval` wrote.

    Raises:
        PeerError: A file of it is missing.
    """
    (whole,) = _samples(results, WHOLE)
    choices = _samples(results, CHOICES)
    table = json.loads(_newest(results, "results_*.json").read_text(encoding="utf-8"))["results"]
    return Found(
        whole=_rolling(whole),
        lines=[_rolling(sample) for sample in _samples(results, LINES)],
        choices=[[float(response[0][0]) for response in sample["resps"]] for sample in choices],
        accuracy=float(table[CHOICES]["acc,none"]),
        word_perplexity=float(table[WHOLE]["word_perplexity,none"]),
        version=version,
    )


def _rolling(sample: dict[str, Any]) -> float:
    value = sample["resps"][0]
    while isinstance(value, list):
        value = value[0]
    return float(value)


def _samples(results: Path, task: str) -> list[dict[str, Any]]:
    lines = _newest(results, f"samples_{task}_*.jsonl").read_text(encoding="utf-8").splitlines()
    return sorted((json.loads(line) for line in lines), key=lambda sample: int(sample["doc_id"]))


def _newest(results: Path, pattern: str) -> Path:
    found = sorted(results.rglob(pattern))
    if not found:
        raise PeerError(f"lm_eval wrote no {pattern}")
    return found[-1]


def _version(interpreter: str) -> str:
    done = subprocess.run([interpreter, "-E", "-c", _VERSION], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.strip()
