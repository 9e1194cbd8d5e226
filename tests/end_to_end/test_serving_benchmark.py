"""`benchmarks/serving.py` and `lm_eval_agreement.py` as programs, with tiny models. Speed is not checked."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.agreement.lm_eval_run import lm_eval_interpreter
from harness.inference.settings import ModelSize
from harness.serving.models import make_served_models
from harness.speed.peer import PeerError

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
TINY = (
    *("--vocabulary-size", "80", "--hidden-size", "8", "--turns", "1", "--seconds", "0.2", "--clients", "1,3"),
    *("--scenario-turns", "1", "--scenario-seconds", "0.5", "--overload", "2", "--overload-tokens", "8"),
    *("--capacity-clients", "4", "--slow-clients", "8", "--others", "2", "--deadline", "0.5", "--leavers", "6"),
    *("--starts", "1", "--reloads", "4", "--reload-requests", "20", "--pytorch", "no-such-python"),
)
PATIENCE = 280


def run(program: str, *arguments: str | Path) -> tuple[int, str, str]:
    command = [sys.executable, str(BENCHMARKS / program), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.slow
def test_servers_and_scenarios_are_measured_and_what_is_missing_is_named(tmp_path: Path) -> None:
    file = tmp_path / "serving.json"
    exit_code, output, errors = run("serving.py", *TINY, "--json", file)
    assert exit_code == 0, errors
    assert "missing: pytorch-threads: no interpreter with torch: no-such-python was named" in output

    table = json.loads(file.read_text(encoding="utf-8"))
    assert table["missing"].keys() == {"pytorch-one-at-a-time", "pytorch-threads"}
    assert table["ratios"].keys() == {"batched-1", "batched-3", "pytorch-1", "pytorch-3"}
    assert table["ratios"]["batched-3"] > 0
    assert table["ratios"]["pytorch-3"] is None
    assert all(value > 0 for value in table["p99_ms"].values())
    assert table["ceilings"].keys() == {"float32", "int8"}
    ours = {
        f"nextword-{precision}{kind}" for precision in ("float32", "int8") for kind in ("", "-streamed", "-unbatched")
    }
    assert {row["server"] for row in table["rows"]} == ours | {"fixed-answer"}

    scenarios = table["scenarios"]
    assert scenarios.keys() == {"start", "overload", "slow-clients", "disconnects", "reload"}
    met = {bar["what"]: bar["met"] for scenario in scenarios.values() for bar in scenario["bars"]}
    # What depends on no clock.
    for what in ("accepted requests that were lost", "refusals without Retry-After", "slow clients that stayed open"):
        assert met[what], scenarios
    for what in ("requests that failed", "answers that mix two models", "reloads with a wrong result"):
        assert met[what], scenarios
    assert scenarios["reload"]["figures"]["models that answered"] == 2
    assert scenarios["reload"]["figures"]["bad bundles refused"] == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--json", "no-such-folder/serving.json"], "must be in a folder that exists"),
        (["--least-tokens", "60"], "`least_tokens` must be at most `most_tokens`, 48, but is 60"),
        (["--scenario", "flood"], "flood"),
    ],
)
def test_a_mistake_is_reported_before_the_first_measurement(arguments: list[str], message: str) -> None:
    exit_code, output, errors = run("serving.py", *arguments)
    assert exit_code == 2
    assert message in errors
    assert "Traceback" not in errors
    assert output == ""


@pytest.mark.slow
def test_lm_eval_agrees_with_nextword(tmp_path: Path) -> None:
    try:
        lm_eval_interpreter()
    except PeerError as error:
        pytest.skip(str(error))
    make_served_models(tmp_path, ModelSize(vocabulary_size=80, hidden_size=8), timeout=PATIENCE)
    words = [word for word in json.loads((tmp_path / "words.json").read_text(encoding="utf-8")) if word.isalpha()]
    text, file = tmp_path / "text.txt", tmp_path / "agreement.json"
    text.write_text("\n".join([" ".join(words[:20]), " ".join(words[9:30]), " ".join(words[5:9])]), encoding="utf-8")
    model = tmp_path / "float32"
    exit_code, output, errors = run("lm_eval_agreement.py", model, text, "--split", "all", "--json", file)
    assert exit_code == 0, output + errors
    table = json.loads(file.read_text(encoding="utf-8"))
    assert table["agrees"] is True
    assert max(table["differences"].values()) <= 1e-3
    assert table["log_prob"]["lm_eval"] < -100
    assert table["documents"] == {"lines": 3, "choices": 2}


def test_without_lm_eval_a_message_says_how_to_get_it() -> None:
    exit_code, _, errors = run("lm_eval_agreement.py", "austen", "--lm-eval", "no-such-python")
    assert exit_code == 2
    assert "no interpreter with lm_eval: no-such-python cannot import it" in errors
    assert "Traceback" not in errors
