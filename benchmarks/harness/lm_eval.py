"""Tasks for `lm_eval` made of a local text: the whole text, its lines one by one, and the right continuation of four.

Each task is a YAML file with a JSON Lines file, which `lm_eval --include_path` finds without a network.
"""

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.process import PeerError
from harness.server import Server
from nextword.text.options import LineEnds
from nextword.text.reading.lines import split_lines
from nextword.text.tokens.line_ends import MARKS, segments

MAX_TOKENS = 2**20
"""Tokens of the longest document."""

WHOLE, LINES, CHOICES = "nextword_whole", "nextword_lines", "nextword_choices"

_NUM_CHOICES = 4
_BEGINNING, _CONTINUATION = 8, 8

_ROLLING = {
    "output_type": "loglikelihood_rolling",
    "doc_to_text": "",
    "doc_to_target": "text",
    "metric_list": [{"metric": "word_perplexity"}, {"metric": "byte_perplexity"}],
}
_MULTIPLE_CHOICE = {
    "output_type": "multiple_choice",
    "doc_to_text": "context",
    "doc_to_choice": "choices",
    "doc_to_target": "right",
    "target_delimiter": " ",
    "metric_list": [{"metric": "acc"}],
}


@dataclass(frozen=True)
class Documents:
    """What is scored."""

    whole: str
    lines: Sequence[str]
    choices: Sequence[dict[str, Any]]

    @classmethod
    def of(cls, text: str, line_ends: LineEnds, limit: int) -> "Documents":
        """Return the documents of a text, at most `limit` lines or paragraphs, and as many choices."""
        lines = [segment for segment in segments(split_lines(text), line_ends) if segment.strip()]
        long = [words for line in lines if len(words := line.split()) >= _BEGINNING + _CONTINUATION]
        # `nextword evaluate` reads an end after the last line, even if the text has none.
        whole = text.rstrip() + MARKS[line_ends]
        return cls(whole, [line + MARKS[line_ends] for line in lines[:limit]], _choices(long)[:limit])

    def write(self, folder: Path) -> None:
        """Write the tasks."""
        _write(folder, WHOLE, _ROLLING, [{"text": self.whole}])
        _write(folder, LINES, _ROLLING, [{"text": line} for line in self.lines])
        _write(folder, CHOICES, _MULTIPLE_CHOICE, self.choices)


def _choices(lines: Sequence[Sequence[str]]) -> list[dict[str, Any]]:
    """Return each line's beginning with the words that follow, then with the words of the next lines."""
    ends = [" ".join(words[_BEGINNING : _BEGINNING + _CONTINUATION]) for words in lines]
    rows = []
    for number, words in enumerate(lines):
        choices = [ends[(number + step) % len(lines)] for step in range(1, _NUM_CHOICES)]
        right = number % _NUM_CHOICES
        choices.insert(right, ends[number])
        rows.append({"context": " ".join(words[:_BEGINNING]), "choices": choices, "right": right})
    return rows


def _write(folder: Path, name: str, task: dict[str, Any], rows: Sequence[dict[str, Any]]) -> None:
    path = folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    source = {"dataset_path": "json", "dataset_kwargs": {"data_files": {"test": str(path)}}, "test_split": "test"}
    (folder / f"{name}.yaml").write_text(json.dumps({"task": name, **source, **task}), encoding="utf-8")  # JSON is YAML


def run_lm_eval(interpreter: Sequence[str], folder: Path, server: Server, concurrent: int, timeout: float) -> None:
    """Run the tasks of a folder against a service, without a network; the results are in `results`."""
    arguments = {
        "model": json.loads(server.get("/v1/models")[1])["data"][0]["id"],
        "base_url": f"http://127.0.0.1:{server.port}/v1/completions",
        "tokenizer_backend": "remote",
        "num_concurrent": concurrent,
        "max_length": MAX_TOKENS,
        "timeout": int(timeout),
    }
    command = [*interpreter, "-m", "lm_eval", "run", "--model", "local-completions"]
    command += ["--model_args", ",".join(f"{name}={value}" for name, value in arguments.items())]
    command += ["--tasks", ",".join((WHOLE, LINES, CHOICES)), "--include_path", str(folder)]
    command += ["--output_path", str(folder / "results"), "--log_samples"]
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(folder / "cache")}
    try:
        run_command(command, timeout, cwd=folder, env=os.environ | offline)
    except subprocess.TimeoutExpired as error:
        raise PeerError(f"lm_eval took longer than {timeout:g} seconds; give a longer `--timeout`") from error


def run_command(command: Sequence[str], timeout: float | None = None, **options: Any) -> str:
    """Return what a command printed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout, **options)
    if done.returncode:
        raise PeerError(f"`{' '.join(command[1:4])}` ended with exit code {done.returncode}: {done.stderr[-300:]}")
    output: str = done.stdout
    return output


def read_samples(results: Path) -> tuple[dict[str, list[float]], dict[str, Any]]:
    """Return the log-probabilities of the documents of each task that `lm_eval` wrote, and its other numbers."""
    log_probs = {}
    for task in (WHOLE, LINES, CHOICES):
        lines = _newest(results, f"samples_{task}_*.jsonl").read_text(encoding="utf-8").splitlines()
        samples = sorted(map(json.loads, lines), key=lambda sample: int(sample["doc_id"]))
        # Of a continuation, the answer is a pair with its log-probability first; otherwise it may be nested too.
        log_probs[task] = [_first(response) for sample in samples for response in sample["resps"]]
    table = json.loads(_newest(results, "results_*.json").read_text(encoding="utf-8"))
    accuracy, perplexity = table["results"][CHOICES]["acc,none"], table["results"][WHOLE]["word_perplexity,none"]
    return log_probs, {
        "accuracy": float(accuracy),
        "word_perplexity": float(perplexity),
        "lm_eval": table.get("lm_eval_version"),
    }


def _first(value: Any) -> float:
    while isinstance(value, list):
        value = value[0]
    return float(value)


def _newest(results: Path, pattern: str) -> Path:
    paths = sorted(results.rglob(pattern))
    if not paths:
        raise PeerError(f"lm_eval wrote no {pattern}")
    return paths[-1]
