"""The programs that are given the same minutes, at sizes and minutes at which they learn next to nothing."""

import ast
import importlib
import json
import math
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.quality.catalogue import catalogue
from harness.quality.contest import Contest
from harness.quality.record import Record
from harness.speed.interpreters import pytorch_interpreter
from harness.speed.peer import PROGRAMS, PeerError
from nextword.text.corpus import Corpus

TORCH_PROGRAMS = ("quality_protocol.py", "quality_transformer.py", "quality_word_language_model.py")
SECOND = 1 / 60


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Imports a program by its name."""
    monkeypatch.syspath_prepend(str(PROGRAMS))
    return importlib.import_module


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A text of 40 words in which each is followed by the next."""
    for split, lines in (("train", 60), ("valid", 8), ("test", 7)):
        text = "".join(" " + " ".join(f"w{(line + i) % 40}" for i in range(10)) + " \n" for line in range(lines))
        (tmp_path / f"ptb.{split}.txt").write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def torch() -> list[str]:
    """The command of a Python with PyTorch; without one the test is skipped and says so."""
    try:
        return list(pytorch_interpreter())
    except PeerError as error:
        pytest.skip(str(error))


def run(name: str, folder: Path, minutes: float, recipe: dict[str, Any]) -> dict[str, Any]:
    contest = Contest(Corpus.load(folder), str(folder), minutes, 1, recipe)
    record = Record(contest.terms)
    contest.hold([catalogue()[name]], record, lambda _line: None)
    assert record.missing == {}
    result = record.results[name]
    for perplexities in result["perplexities"].values():
        assert perplexities.keys() == {"valid", "test"}
        assert all(1 <= value < 200 for value in perplexities.values())
    assert result["epochs"] == pytest.approx(result["tokens"] / 660)
    return result


@given(num_tokens=st.integers(1, 200), context=st.integers(1, 50), data=st.data())
def test_windows_count_each_token_once_and_know_enough_before_it(num_tokens: int, context: int, data: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PROGRAMS))
        slides = importlib.import_module("quality_protocol").slides
    stride = data.draw(st.integers(1, context))
    windows = list(slides(num_tokens, context, stride))
    counted = [token for window in windows for token in range(window.counted, window.stop)]
    assert counted == list(range(num_tokens))
    for window in windows:
        assert 0 <= window.start <= window.counted < window.stop
        assert window.stop - window.start == min(context, num_tokens)
        assert all(token - window.start >= min(token, context - stride) for token in range(window.counted, window.stop))


def test_the_denominator_is_the_number_of_tokens(program: Callable[[str], Any], tmp_path: Path) -> None:
    protocol = program("quality_protocol")
    for split, length in (("valid", 5), ("test", 7)):
        np.save(tmp_path / f"{split}.npy", np.arange(length))
    task = protocol.Task(str(tmp_path), vocabulary_size=9, end_id=2, minutes=1)
    perplexities = protocol.exact_perplexities(task, lambda ids: {"stream": len(ids) * math.log(3)})
    assert perplexities["stream"] == pytest.approx({"valid": 3, "test": 3})
    assert protocol.shifted(np.array([5, 6, 7]), 2).tolist() == [2, 5, 6]


@pytest.mark.parametrize("kind", ["wall", "processor"])
def test_a_clock_tells_the_part_that_has_gone(program: Callable[[str], Any], kind: str) -> None:
    protocol = program("quality_protocol")
    endless, short = protocol.Clock(1e9, kind), protocol.Clock(1e-9, kind)
    sum(range(10_000))
    assert not endless.over
    assert 0 <= endless.part < 1
    assert short.over
    assert short.part == 1


def test_the_tutorial_s_program_is_judged_by_its_windows_and_as_a_stream(program: Callable[[str], Any]) -> None:
    tutorial = program("quality_tutorial")
    recipe = {"embedding_size": 5, "hidden_sizes": [6, 7], "output_dropout_rate": 0.5}
    network = tutorial.build({**recipe, "vocabulary_size": 20}, 4)
    reader = tutorial.Reader(network, recipe)
    ids = np.random.default_rng(0).integers(20, size=13)
    inputs, targets = ids[:-1], ids[1:]

    def loss_of(inputs: Any, targets: Any) -> float:
        probabilities = network.predict_on_batch(inputs.reshape(-1, 4)).reshape(-1, 20)
        return float(-np.log(probabilities[np.arange(len(targets)), targets]).sum())

    assert tutorial.loss_in_windows(reader, inputs, targets, 2, 4) == pytest.approx(loss_of(inputs, targets), rel=1e-4)
    first = tutorial.loss_as_stream(reader, inputs[:4], targets[:4], 4)
    assert first == pytest.approx(loss_of(inputs[:4], targets[:4]), rel=1e-4)
    streams = [tutorial.loss_as_stream(reader, inputs, targets, num_steps) for num_steps in (2, 5, 12)]
    assert streams == pytest.approx([streams[0]] * 3, rel=1e-4)
    # The windows forget, and the last may be shorter than the others.
    assert streams[0] != pytest.approx(loss_of(inputs, targets), rel=1e-6)
    shorter = tutorial.loss_in_windows(reader, inputs[:6], targets[:6], 2, 4)
    rest = tutorial.loss_as_stream(reader, inputs[4:6], targets[4:6], 2)
    assert shorter == pytest.approx(first + rest, rel=1e-4)


@pytest.mark.slow
def test_the_tutorial_s_program_runs(folder: Path) -> None:
    recipe = {"embedding_size": 8, "hidden_sizes": [8, 8], "batch_size": 4, "num_steps": 5, "epochs": 2}
    result = run("tutorial", folder, 10.0, recipe)
    assert result["tokens"] == 2 * 33 * 20
    assert [each["tokens"] for each in result["rounds"]] == [660, 1320]
    assert result["perplexities"].keys() == {"windows of 5", "stream"}


@pytest.mark.slow
def test_nextword_runs_by_its_command(folder: Path) -> None:
    small = [
        "--preset",
        "quick",
        "--embedding-size",
        "8",
        "--hidden-sizes",
        "8",
        "--batch-size",
        "4",
        "--num-steps",
        "5",
    ]
    result = run("nextword", folder, 1.0, {"arguments": [*small, "--epochs", "1"]})
    assert result["tokens"] > 600
    assert result["rounds"]
    assert result["recipe"]["batching"]["num_steps"] == 5


def test_pytorch_s_example_runs(folder: Path, torch: list[str]) -> None:
    recipe = {"embedding_size": 8, "hidden_size": 8, "epochs": 3, "batch_size": 4, "num_steps": 5}
    result = run("word_language_model", folder, 10.0, recipe)
    assert result["tokens"] == 3 * 4 * (660 // 4 - 1)
    assert len(result["rounds"]) == 3
    assert result["perplexities"].keys() == {"stream"}


def test_the_transformer_runs_until_the_time_is_over(folder: Path, torch: list[str]) -> None:
    recipe = {"width": 8, "num_layers": 1, "num_heads": 2, "context": 8, "batch_size": 4}
    result = run("transformer", folder, SECOND, recipe)
    assert result["seconds"] >= 1
    assert result["tokens"] > 0
    assert result["rounds"][-1]["seconds"] >= 1
    assert result["perplexities"].keys() == {"windows of 8, 1 at a time"}


def test_the_programs_on_pytorch_do_what_they_say(torch: list[str]) -> None:
    checks = Path(__file__).with_name("check_quality_torch.py")
    done = subprocess.run([*torch, str(checks), str(PROGRAMS)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) == checks.read_text(encoding="utf-8").count("def check_")


@pytest.mark.parametrize("name", TORCH_PROGRAMS)
def test_what_pytorch_s_python_runs_is_no_newer_than_it(name: str) -> None:
    tree = ast.parse((PROGRAMS / name).read_text(encoding="utf-8"), feature_version=(3, 10))
    modules = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    modules += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    assert not any(module.startswith("nextword") for module in modules)


def test_a_program_ends_when_the_harness_has_gone(torch: list[str], folder: Path) -> None:
    task = json.dumps({"ids": "nowhere", "vocabulary_size": 3, "end_id": 0, "minutes": 1})
    waiting = f"import sys; sys.argv = ['', {task!r}]; sys.path.insert(0, {str(PROGRAMS)!r})\n"
    waiting += "import time, quality_protocol\nquality_protocol.compete(lambda task, say: time.sleep(600))"
    process = subprocess.Popen([*torch, "-c", waiting], stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(timeout=120) == 0
