"""`benchmarks/inference.py` as a program, with a tiny model and without PyTorch. Speed is not checked."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "inference.py"
TINY = (
    *("--vocabulary-size", "60", "--hidden-size", "8", "--turns", "2", "--steps", "3"),
    *("--sentences", "20", "--starts", "1", "--keys", "12", "--pytorch", "no-such-python"),
)
PATIENCE = 280
OURS = {
    *("nextword-step-int8", "nextword-step-float32", "nextword-score-int8", "nextword-score-float32"),
    *("nextword-start", "nextword-load", "nextword-keys"),
}


def run(*arguments: str | Path) -> tuple[int, str, str]:
    command = [sys.executable, str(PROGRAM), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.slow
def test_without_pytorch_the_rest_is_measured_and_a_message_says_so(tmp_path: Path) -> None:
    file = tmp_path / "inference.json"
    exit_code, output, errors = run(*TINY, "--json", file)
    assert exit_code == 0, errors
    assert "missing: pytorch-step-int8: no interpreter with torch: no-such-python was named" in output

    table = json.loads(file.read_text(encoding="utf-8"))
    assert table["ratios"] == {"pytorch-int8": None, "pytorch-float32": None, "scoring": None}
    both = {f"pytorch-{what}-{precision}" for what in ("step", "score") for precision in ("int8", "float32")}
    assert table["missing"].keys() == both | {"pytorch-step-float32-without-onednn"}
    for figure in ("step_over_read", "cold_start_seconds", "load_seconds", "suggest_p99_ms"):
        assert table[figure] > 0
    assert 10**7 < table["cold_start_bytes"] < 10**10
    assert table["scoring_engine"] in ("int8", "float32")
    assert table["samples"].keys() == OURS
    assert len(table["samples"]["nextword-step-int8"]["step"]) == 2 * 3
    assert len(table["samples"]["nextword-score-int8"]["share"]) == 2
    assert len(table["samples"]["nextword-keys"]["key"]) == 12
    assert table["made"]["onnx_bytes"]["int8"] < table["made"]["onnx_bytes"]["float32"]
    assert table["made"]["words"] >= 2 * 20
    assert "--keys 12" in table["command"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--json", "no-such-folder/inference.json"], "must be in a folder that exists"),
        (["--sentences", "2"], "`sentences` must be at least one for each of the 6 turns"),
        (["--hidden-size", "0"], "hidden"),
    ],
)
def test_a_mistake_is_reported_before_the_first_measurement(arguments: list[str], message: str) -> None:
    exit_code, output, errors = run(*arguments)
    assert exit_code == 2
    assert message in errors.splitlines()[-1]
    assert "Traceback" not in errors
    assert output == ""
