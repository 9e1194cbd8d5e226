from dataclasses import replace
from typing import Any

import pytest

from nextword.diagnosis.measurements import Measurements, choose_compute_dtype, measure
from nextword.ops import precision
from nextword.training import speed as training_speed
from nextword.training.config import RunConfig
from nextword.training.speed import TrainingSpeed

TRAINING = TrainingSpeed(
    compute_dtype="bfloat16", num_steps=9, seconds=1.0, words_per_second=1000.0, flops_per_second=3e9
)
MEASURED = Measurements(
    compute_dtype="bfloat16",
    reason="it is faster",
    product_peaks={"float32": 5e9, "bfloat16": 4e9},
    training=TRAINING,
)


@pytest.mark.parametrize(
    ("speedup", "chosen", "reason"),
    [
        (1.9, "bfloat16", "bfloat16 is 1.90 times as fast as float32 here, at least 1.3 is asked"),
        (0.4, "float32", "bfloat16 is 0.40 times as fast as float32 here, at least 1.3 is asked"),
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
    assert replace(MEASURED, product_peaks={}).share_of_peak is None
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
    assert measured.product_peaks.keys() == {"float32", "bfloat16"}
    assert measured.training is not None
    assert measured.training.compute_dtype == measured.compute_dtype
    assert measured.share_of_peak is not None


def test_a_backend_that_cannot_train_has_no_speed(tiny_preset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: Any, **_options: Any) -> TrainingSpeed:
        raise NotImplementedError("fit not implemented for NumPy backend.")

    monkeypatch.setattr(training_speed, "measure_training", refuse)
    measured = measure(RunConfig.of(tiny_preset), "numpy", lambda _what: None)
    assert measured.training is None
    assert measured.product_peaks == {}
