"""`benchmarks/training.py` at sizes that take seconds. Speed is not checked."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.process import PROGRAMS, PeerError
from harness.report import Report
from harness.training_peers import peers_of
from harness.workload import Workload
from support.benchmark_runs import benchmark
from support.processes import ended
from support.waiting import wait_until
from training import measure_scaling

TINY = (
    *("--hidden-sizes", "8,8", "--embedding-size", "8", "--vocabulary-size", "50"),
    *("--batch-size", "2", "--num-steps", "3", "--repeats", "1", "--steps", "1"),
)
PATIENCE = 240
PARAMETERS = 50 * 8 + 2 * (2 * 8 * 32 + 32) + 50


@pytest.mark.slow
def test_peers_are_compared_and_what_is_missing_is_named(tmp_path: Path) -> None:
    path, picture = tmp_path / "training.json", tmp_path / "training.svg"
    peers = "nextword,keras-jax,product-peak,pytorch-bfloat16"
    options = ("--peers", peers, "--pytorch", "no-such-python", "--json", path, "--plot", picture)
    done = benchmark("training", "--preset", "quick", *TINY, *options)
    assert done.code == 0, done.errors
    assert path.read_text(encoding="utf-8") == done.output
    assert "turn 1 of 1: nextword, keras-jax, product-peak" in done.errors
    ours, keras = done.lines("peer")
    assert (ours["peer"], keras["peer"], keras["parameters"]) == ("nextword", "keras-jax", PARAMETERS)
    assert ours["words_per_second"] == pytest.approx(2 * 3 / ours["samples"]["step"][0])
    (summary,) = done.lines("summary")
    assert summary["ratios"]["keras-jax"] == pytest.approx(ours["words_per_second"] / keras["words_per_second"])
    assert summary["ratios"]["pytorch-bfloat16"] is None
    assert "no-such-python was named" in summary["missing"]["pytorch-bfloat16"]
    assert 0 < summary["peak_share"] < 1
    assert done.lines("origin")[0]["command"].startswith("python benchmarks/training.py --preset quick")
    assert ">keras-jax<" in picture.read_text(encoding="utf-8")


@pytest.fixture
def hanging_python(tmp_path: Path) -> Path:
    """A fake for PyTorch's Python: it claims to have torch, writes a file, and hangs."""
    path = tmp_path / "hanging-python"
    script = f'#!/bin/sh\n[ "$2" = -c ] && exit 0\necho $$ > {tmp_path / "started"}\nexec sleep 600\n'
    path.write_text(script, encoding="utf-8")
    path.chmod(0o755)
    return path


def test_ctrl_c_ends_the_peers(hanging_python: Path, tmp_path: Path) -> None:
    started = tmp_path / "started"
    options = ("--only", "pytorch-float32", "--pytorch", str(hanging_python))
    command = [sys.executable, str(PROGRAMS.parent / "training.py"), *TINY, *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with ended(process):
        wait_until(lambda: started.exists() and started.read_text(encoding="utf-8").endswith("\n"))
        peer = Path("/proc") / started.read_text(encoding="utf-8").strip()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + signal.SIGINT
    assert errors.splitlines()[-1] == "training: interrupted"
    wait_until(lambda: not peer.exists(), patience=120)  # once it is ended, the system removes it from its list


def test_if_nothing_can_be_measured_the_reasons_are_reported(hanging_python: Path, tmp_path: Path) -> None:
    options = ("--only", "pytorch-float32", "--pytorch", hanging_python, "--timeout", "1")
    done = benchmark("training", *TINY, *options, "--json", tmp_path / "training.json")
    assert (done.code, done.output) == (2, "")
    assert "missing: pytorch-float32: gave no answer within 1 seconds" in done.errors
    assert done.errors.splitlines()[-1] == "training: nothing could be measured; the reasons are above"
    assert not (tmp_path / "training.json").exists()


@pytest.mark.slow
def test_scaling_has_a_point_for_each_workload(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.workload.AXES", {"batch_size": (1, 2)})
    small = {"hidden_sizes": (4,), "embedding_size": 4, "vocabulary_size": 20}
    base = Workload.of(overrides={"model": small, "batching": {"batch_size": 1, "num_steps": 2}})
    report = Report("training")
    chart = measure_scaling(base, report, steps=1, timeout=PATIENCE)
    points = [line for line in report.lines if line["kind"] == "point"]
    assert [(point["axis"], point["value"]) for point in points] == [("batch_size", 1), ("batch_size", 2)]
    assert all(point["words_per_second"] > 0 and 0 < point["peak_share"] < 1 for point in points)
    assert ">batch_size<" in chart


def test_points_differ_along_one_axis() -> None:
    base = Workload.of(overrides={"batching": {"batch_size": 8, "num_steps": 4}})
    values: dict[str, list[int]] = {}
    for axis, _, value, _ in base.points():
        values.setdefault(axis, []).append(value)
    assert (values["batch_size"], values["num_layers"]) == ([1, 2, 4, 8, 16], [1, 2, 3, 4])
    assert (values["hidden_size"], values["vocabulary_size"]) == ([128, 256, 512, 1024], [1000, 3000, 10_000, 30_000])
    assert sum(workload == base for *_, workload in base.points()) == len(values) == 5


def test_another_model_than_a_plain_lstm_is_measured_alone() -> None:
    peer, _ = peers_of(Workload.of(overrides={"model": {"cell": "gru"}}))["keras-jax"]
    with pytest.raises(PeerError, match="trains a plain LSTM and has no `cell`"):
        peer.interpreter()
