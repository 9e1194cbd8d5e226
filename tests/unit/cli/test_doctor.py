import json
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from nextword.cli import doctor as module
from nextword.cli.doctor import Measurements, choose_compute_dtype, diagnose, measure
from nextword.model.ops import lstm, precision
from nextword.system import facts
from nextword.system.framework import Framework
from nextword.training.config import RunConfig
from nextword.training.planning import speed as training_speed
from nextword.training.planning.speed import TrainingSpeed
from support.commands import Command, Json, nextword

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


def test_looking_alone_measures_nothing(monkeypatch: pytest.MonkeyPatch, printed: Command) -> None:
    monkeypatch.delattr(module, "choose_compute_dtype")
    told = printed("doctor", "--no-measure")
    for word in ("processor", "cores", "memory", "packages", "Keras backend", "LSTM path"):
        assert f"{word} " in told
    assert "words/s" not in told


@pytest.mark.usefixtures("tiny_preset")
def test_what_was_measured_is_told_as_measured(printed: Command) -> None:
    told = printed("doctor", "--preset", "tiny")
    assert "training tiny" in told
    assert "words/s, measured over" in told
    assert "and is used from 1.3 times on" in " ".join(told.split())
    assert "% of the fastest matrix product" in told
    assert "bfloat16" in told


@pytest.mark.usefixtures("tiny_preset")
def test_programs_are_told_in_json(printed: Command, json_of: Json) -> None:
    table = json_of("doctor", "--preset", "tiny")
    assert table["framework"]["backend"] == "jax"
    assert table["measurements"]["training"]["words_per_second"] > 0
    assert json.loads(printed("doctor", "--preset", "tiny", "--json", "--no-measure"))["measurements"] is None


def test_problems_end_in_one_only_where_strict(monkeypatch: pytest.MonkeyPatch, printed: Command) -> None:
    monkeypatch.setenv("JAX_DISABLE_JIT", "1")
    monkeypatch.setattr(facts, "read_framework", lambda: Framework(backend="[torch]", missing="torch"))
    told = printed("doctor", "--no-measure")
    assert "problem: the Keras backend [torch] needs `torch`, which is not installed" in told  # no markup of rich
    assert "hint: install `torch`, or set KERAS_BACKEND=jax" in told
    assert "hint: unset JAX_DISABLE_JIT" in told
    assert nextword("doctor", "--no-measure", "--strict") == 1


def test_strictness_is_content_where_there_are_no_problems(monkeypatch: pytest.MonkeyPatch, printed: Command) -> None:
    monkeypatch.setattr("nextword.cli.doctor.find_problems", lambda _facts: ())
    assert "no problems found" in printed("doctor", "--no-measure", "--strict")


def test_the_base_install_is_told_what_it_lacks() -> None:
    command = [sys.executable, "-c", WITHOUT_FRAMEWORK, "--json"]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    table = json.loads(told.stdout)
    assert table["framework"]["missing"] == "keras"
    assert table["problems"][0]["code"] == "no-training-extra"
    assert table["measurements"] is None
    assert told.stderr == ""


def test_the_preset_must_be_known(mistake: Command) -> None:
    assert "`quik` is not a preset\nhint: did you mean `quick`?" in mistake("doctor", "--preset", "quik")


def test_the_dispatch_is_asked_for_the_path_when_training_has_chosen_it(
    tiny_preset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = ["the scan"]
    monkeypatch.setattr(lstm, "lstm_path", lambda: chosen[-1])
    assert diagnose(tiny_preset, measuring=False).lstm_path == "the scan"
    assert diagnose(tiny_preset, say=lambda _what: chosen.append("cuDNN")).lstm_path == "cuDNN"


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
