import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nextword.cli import doctor_report as measurements
from nextword.machine import facts
from nextword.machine.framework import Framework
from nextword.models import presets

Run = Callable[..., int]
Captured = pytest.CaptureFixture[str]

WITHOUT_FRAMEWORK = """
import sys
sys.modules.update(dict.fromkeys(("keras", "jax", "jaxlib")))  # as if they were not installed
from nextword.cli.main import main
main(["doctor", *sys.argv[1:]])
"""


@pytest.fixture
def tiny_preset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A preset `tiny` that is measured in no time."""
    table = "[batching]\nbatch_size = 4\nnum_steps = 5\n[model]\nembedding_size = 8\nhidden_sizes = [8]\n[training]\n"
    (tmp_path / "tiny.toml").write_text(table, encoding="utf-8")
    monkeypatch.setattr(presets, "_FOLDER", tmp_path)
    monkeypatch.setattr(measurements, "_TRAINING_SECONDS", 0.05)
    monkeypatch.setattr(measurements, "_PRODUCT_SECONDS", 0.01)


def test_looking_alone_measures_nothing(nextword: Run, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(measurements, "choose_compute_dtype")
    assert nextword("doctor", "--no-measure") == 0
    told = capsys.readouterr().out
    for word in ("processor", "cores", "memory", "packages", "Keras backend", "LSTM path"):
        assert f"{word} " in told
    assert "words/s" not in told


@pytest.mark.usefixtures("tiny_preset")
def test_what_was_measured_is_told_as_measured(nextword: Run, capsys: Captured) -> None:
    assert nextword("doctor", "--preset", "tiny") == 0
    told = capsys.readouterr().out
    assert "training tiny" in told
    assert "words/s, measured over" in told
    assert "at least 1.3 is asked" in " ".join(told.split())
    assert "% of the fastest product" in told
    assert "bfloat16" in told


@pytest.mark.usefixtures("tiny_preset")
def test_programs_are_told_in_json(nextword: Run, capsys: Captured) -> None:
    assert nextword("doctor", "--preset", "tiny", "--json") == 0
    table = json.loads(capsys.readouterr().out)
    assert table["framework"]["backend"] == "jax"
    assert table["measurements"]["training"]["words_per_second"] > 0
    assert nextword("doctor", "--preset", "tiny", "--json", "--no-measure") == 0
    assert json.loads(capsys.readouterr().out)["measurements"] is None


def test_problems_end_in_one_only_where_strict(
    nextword: Run, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAX_DISABLE_JIT", "1")
    monkeypatch.setattr(facts, "read_framework", lambda: Framework(backend="[torch]", missing="torch"))
    assert nextword("doctor", "--no-measure") == 0
    told = capsys.readouterr().out
    assert "problem the Keras backend [torch] needs `torch`, which is not installed" in told  # no markup of rich
    assert "repair: install `torch`, or set KERAS_BACKEND=jax" in told
    assert "repair: unset JAX_DISABLE_JIT" in told
    assert nextword("doctor", "--no-measure", "--strict") == 1


def test_strictness_is_content_where_there_are_no_problems(
    nextword: Run, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nextword.cli.doctor_report.find_problems", lambda _facts: ())
    assert nextword("doctor", "--no-measure", "--strict") == 0
    assert "no problems found" in capsys.readouterr().out


def test_the_base_install_is_told_what_it_lacks() -> None:
    command = [sys.executable, "-c", WITHOUT_FRAMEWORK, "--json"]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    table = json.loads(told.stdout)
    assert table["framework"]["missing"] == "keras"
    assert table["problems"][0]["code"] == "no-training-extra"
    assert table["measurements"] is None
    assert told.stderr == ""


def test_the_command_explains_itself(nextword: Run, capsys: Captured) -> None:
    assert nextword("doctor", "--help") == 0
    assert "Usage: nextword doctor" in capsys.readouterr().out
    assert nextword("--help") == 0
    assert "doctor" in capsys.readouterr().out


def test_the_preset_must_be_known(nextword: Run, capsys: Captured) -> None:
    assert nextword("doctor", "--preset", "quik") == 2
    assert "`quik` is not a preset; did you mean `quick`?" in capsys.readouterr().err
