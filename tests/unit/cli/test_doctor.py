import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from nextword.cli import doctor as module
from nextword.cli.doctor import Measurements, Report, choose_compute_dtype, diagnose, measure
from nextword.errors import SettingError
from nextword.machine import facts
from nextword.machine.facts import Facts, find_problems
from nextword.machine.framework import Framework
from nextword.model.ops import lstm, precision
from nextword.training.config import RunConfig
from nextword.training.planning import speed as training_speed
from nextword.training.planning.speed import TrainingSpeed

Run = Callable[..., int]
Captured = pytest.CaptureFixture[str]

WITHOUT_FRAMEWORK = """
import sys
sys.modules.update(dict.fromkeys(("keras", "jax", "jaxlib")))  # as if they were not installed
from nextword.cli.main import main
main(["doctor", *sys.argv[1:]])
"""

TRAINING = TrainingSpeed(
    compute_dtype="bfloat16", num_steps=9, seconds=1.0, words_per_second=1000.0, flops_per_second=3e9
)
MEASURED = Measurements(
    compute_dtype="bfloat16",
    reason="it is faster",
    product_peaks_flops_per_second={"float32": 5e9, "bfloat16": 4e9},
    training=TRAINING,
)


def test_looking_alone_measures_nothing(nextword: Run, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(module, "choose_compute_dtype")
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
    assert "and is used from 1.3 times on" in " ".join(told.split())
    assert "% of the fastest matrix product" in told
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
    assert "problem: the Keras backend [torch] needs `torch`, which is not installed" in told  # no markup of rich
    assert "hint: install `torch`, or set KERAS_BACKEND=jax" in told
    assert "hint: unset JAX_DISABLE_JIT" in told
    assert nextword("doctor", "--no-measure", "--strict") == 1


def test_strictness_is_content_where_there_are_no_problems(
    nextword: Run, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nextword.cli.doctor.find_problems", lambda _facts: ())
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
    assert "`quik` is not a preset\nhint: did you mean `quick`?" in capsys.readouterr().err


def test_a_report_goes_through_json(sound: Facts) -> None:
    table = Report(
        preset="quick", facts=sound, lstm_path=None, measurements=None, problems=find_problems(sound)
    ).to_table()
    assert json.loads(json.dumps(table, allow_nan=False)).keys() == {
        "preset",
        "system",
        "python",
        "processor",
        "capacity",
        "gpus",
        "framework",
        "versions",
        "environment",
        "training_memory_bytes",
        "setups",
        "lstm_path",
        "measurements",
        "problems",
    }
    assert table["processor"]["features"]["AVX512_BF16"] is True
    assert table["measurements"] is None
    assert table["problems"] == []


def test_measurements_are_made_and_reported(tiny_preset: str) -> None:
    report = diagnose(tiny_preset)
    assert report.measurements is not None
    table = json.loads(json.dumps(report.to_table(), allow_nan=False))
    assert table["preset"] == "tiny"
    assert table["measurements"]["compute_dtype"] in ("float32", "bfloat16")
    assert table["measurements"]["training"]["words_per_second"] > 0


def test_nothing_is_measured_where_training_is_not_possible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "read_framework", lambda: Framework(backend="jax", missing="jax"))
    report = diagnose("quick")
    assert report.measurements is None
    assert report.lstm_path is None
    assert report.problems[0].code == "no-training-extra"
    assert report.to_table()["problems"][0]["repair"] == "install the extra `train`: pip install 'nextword[train]'"


def test_the_dispatch_is_asked_for_the_path_when_training_has_chosen_it(
    tiny_preset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = ["the scan"]
    monkeypatch.setattr(lstm, "lstm_path", lambda: chosen[-1])
    assert diagnose(tiny_preset, measuring=False).lstm_path == "the scan"
    assert diagnose(tiny_preset, say=lambda _what: chosen.append("cuDNN")).lstm_path == "cuDNN"


def test_a_preset_must_be_known() -> None:
    with pytest.raises(SettingError, match="did you mean `quick`"):
        diagnose("quik", measuring=False)


@pytest.mark.parametrize(
    ("speedup", "chosen", "reason"),
    [
        (1.9, "bfloat16", "bfloat16 is 1.90 times as fast as float32 here, and is used from 1.3 times on"),
        (0.4, "float32", "bfloat16 is 0.40 times as fast as float32 here, and is used from 1.3 times on"),
    ],
)
def test_the_precision_is_the_one_that_training_takes(
    speedup: float, chosen: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "bfloat16_speedup", lambda: speedup)
    assert choose_compute_dtype(RunConfig.of("quick")) == (chosen, reason)


def test_a_precision_that_is_asked_for_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "bfloat16_speedup", None)
    config = RunConfig.of("quick", {"training": {"compute_dtype": "float32"}})
    assert choose_compute_dtype(config) == ("float32", "the preset asks for it")


def test_the_share_of_the_peak_is_that_of_the_same_precision() -> None:
    assert MEASURED.share_of_peak == pytest.approx(0.75)
    assert replace(MEASURED, compute_dtype="float32").share_of_peak == pytest.approx(0.6)
    assert replace(MEASURED, product_peaks_flops_per_second={}).share_of_peak is None
    assert replace(MEASURED, training=None).share_of_peak is None


def test_a_table_holds_everything() -> None:
    table = MEASURED.to_table()
    assert table["training"]["share_of_peak"] == MEASURED.share_of_peak
    assert table["training"]["minutes_per_ptb_epoch"] == TRAINING.minutes_per_ptb_epoch
    assert table["training"]["words_per_second"] == 1000.0
    assert table["product_peaks_flops_per_second"] == {"float32": 5e9, "bfloat16": 4e9}
    assert replace(MEASURED, training=None).to_table()["training"] is None


def test_everything_is_measured_and_told(tiny_preset: str) -> None:
    told: list[str] = []
    measured = measure(RunConfig.of(tiny_preset), "jax", told.append)
    assert told == ["precision", "products", "training"]
    assert measured.product_peaks_flops_per_second.keys() == {"float32", "bfloat16"}
    assert measured.training is not None
    assert measured.training.compute_dtype == measured.compute_dtype
    assert measured.share_of_peak is not None


def test_a_backend_that_cannot_train_has_no_speed(tiny_preset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: Any, **_options: Any) -> TrainingSpeed:
        raise NotImplementedError("fit not implemented for NumPy backend.")

    monkeypatch.setattr(training_speed, "measure_training", refuse)
    measured = measure(RunConfig.of(tiny_preset), "numpy", lambda _what: None)
    assert measured.training is None
    assert measured.product_peaks_flops_per_second == {}
