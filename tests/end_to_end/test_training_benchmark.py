"""`benchmarks/training.py` as a program, at sizes that take seconds. Speed is not checked."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from support.processes import ended
from support.waiting import wait_until

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "training.py"
TINY = (
    *("--hidden-sizes", "8,8", "--embedding-size", "8", "--vocabulary-size", "50"),
    *("--batch-size", "2", "--num-steps", "3", "--repeats", "1", "--steps", "1"),
)
PATIENCE = 240


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    command = [sys.executable, str(PROGRAM), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(*arguments: str | Path) -> tuple[int, str, str]:
    process = start(*arguments)
    with ended(process):
        output, errors = process.communicate(timeout=PATIENCE)
    return process.returncode, output, errors


@pytest.fixture
def hanging_python(tmp_path: Path) -> Path:
    """A fake for PyTorch's Python: it claims to have torch, writes its process id, and hangs."""
    path = tmp_path / "hanging-python"
    path.write_text(
        f'#!/bin/sh\n[ "$2" = -c ] && exit 0\necho $$ > {tmp_path / "started"}\nexec sleep 600\n', encoding="utf-8"
    )
    path.chmod(0o755)
    return path


def is_running(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
def test_a_benchmark_writes_a_table_a_file_and_a_picture(tmp_path: Path) -> None:
    report, picture = tmp_path / "report.json", tmp_path / "report.svg"
    peers = "nextword,keras-jax,product-peak,pytorch-bfloat16"
    exit_code, output, errors = run(
        "--preset", "quick", *TINY, "--peers", peers, "--pytorch", "no-such-python", "--json", report, "--plot", picture
    )
    assert exit_code == 0, errors
    assert "turn 1 of 1: nextword, keras-jax, product-peak" in errors
    assert "missing: pytorch-bfloat16: no interpreter with torch: no-such-python was named" in output

    table = json.loads(report.read_text(encoding="utf-8"))
    assert table["words_per_second"].keys() == {"nextword", "keras-jax"}
    assert table["ratios"].keys() == {"pytorch-bfloat16", "pytorch-float32", "keras-jax", "tutorial"}
    assert table["ratios"]["keras-jax"] > 0
    assert table["ratios"]["pytorch-bfloat16"] is None
    assert table["missing"].keys() == {"pytorch-bfloat16"}
    assert 0 < table["peak_share"] < 1
    assert table["peaks"].keys() == {"bfloat16", "float32"}
    shared_embedding, layer, projection_bias = 50 * 8, 2 * 8 * 32 + 32, 50
    assert [row["parameters"] for row in table["rows"]] == [shared_embedding + 2 * layer + projection_bias] * 2
    assert table["samples"]["nextword"]["step"] == [table["rows"][0]["step_seconds"]["median"]]
    assert table["command"].startswith("python benchmarks/training.py --preset quick")
    assert picture.read_text(encoding="utf-8").count("keras-jax") >= 1


def test_ctrl_c_ends_the_peers(hanging_python: Path, tmp_path: Path) -> None:
    started = tmp_path / "started"
    process = start(*TINY, "--only", "pytorch-float32", "--pytorch", hanging_python)
    with ended(process):
        wait_until(lambda: started.exists() and started.read_text(encoding="utf-8").endswith("\n"))
        peer = int(started.read_text(encoding="utf-8"))
        assert is_running(peer)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + signal.SIGINT
    assert errors.splitlines()[-1] == "training: interrupted"
    wait_until(lambda: not is_running(peer), patience=120)  # once it is ended, the system takes it off its list


def test_if_nothing_can_be_measured_the_reasons_are_reported(hanging_python: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    arguments = ("--only", "pytorch-float32", "--pytorch", hanging_python, "--timeout", "1", "--json", report)
    exit_code, output, errors = run(*TINY, *arguments)
    assert exit_code == 2
    assert "missing: pytorch-float32: gave no answer within 1 seconds" in output
    assert errors.splitlines()[-1] == "training: nothing could be measured; the reasons are above"
    assert not report.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "pytorhc"], "`pytorhc` is not a peer"),
        (["--preset", "quik"], "`quik` is not a preset; did you mean `quick`?"),
        (["--hidden-sizes", "8"], "`tied` needs a last layer as wide as the embedding"),
        (["--scaling", "--only", "nextword"], "must be used without `--only`"),
        (["--scaling", "--repeats", "2"], "must be used without `--repeats`"),
        (["--timeout", "inf"], "'--timeout'"),
        (["--plot", "report.txt"], "`--plot` must end in .svg, .png, .pdf"),
        (["--json", "no-such-folder/report.json"], "must be in a folder that exists"),
        (["--repeats", "0"], "0 is not in the range x>=1"),
    ],
)
def test_a_mistake_is_reported_before_the_first_measurement(arguments: list[str], message: str) -> None:
    exit_code, output, errors = run(*arguments)
    assert exit_code == 2
    assert message in errors.splitlines()[-1]
    assert "Traceback" not in errors
    assert output == ""
