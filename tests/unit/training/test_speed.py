from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nextword.architecture import Architecture, useful_flops_per_word
from nextword.errors import SettingError
from nextword.training import speed as training_speed
from nextword.training.config import RunConfig
from nextword.training.speed import TrainingSpeed, measure_training
from nextword.training.step import StreamModel

SMALL: dict[str, dict[str, Any]] = {
    "model": {"embedding_size": 4, "hidden_sizes": [4], "tied": True, "output_dropout_rate": 0.5},
    "batching": {"batch_size": 3, "num_steps": 5},
}


def small(windows: str) -> RunConfig:
    return RunConfig.of("tutorial", {**SMALL, "batching": {**SMALL["batching"], "windows": windows}})


@pytest.mark.parametrize("windows", ["streams", "successive"])
@pytest.mark.parametrize("compute_dtype", ["float32", "bfloat16"])
def test_the_figures_are_of_one_measurement(windows: str, compute_dtype: Any) -> None:
    config = small(windows)
    speed = measure_training(config, compute_dtype, seconds=0.02)
    architecture = Architecture.from_table({"vocabulary_size": 10_000, **config.model})
    assert speed.compute_dtype == compute_dtype
    assert speed.words_per_second * speed.seconds == pytest.approx(speed.num_steps * 3 * 5)
    assert speed.flops_per_second == speed.words_per_second * useful_flops_per_word(architecture)


def test_what_is_measured_is_training(monkeypatch: pytest.MonkeyPatch) -> None:
    models: list[Any] = []

    def kept(model: Any, **options: Any) -> Any:
        models.append((model, {name: array.copy() for name, array in model.named_weights().items()}))
        return StreamModel(model, **options)

    monkeypatch.setattr(training_speed, "StreamModel", kept)
    measure_training(small("streams"), "float32", seconds=0.0)
    ((model, before),) = models
    for name, weights in model.named_weights().items():
        assert not np.array_equal(weights, before[name]), name


def test_a_sampled_softmax_is_measured_as_one() -> None:
    config = small("streams")
    sampled = replace(config, training=config.training.replace(sampled_softmax=10_000))
    with pytest.raises(SettingError, match="`sampled_softmax` must be at least 2 and below the vocabulary of 10000"):
        measure_training(sampled, "float32", seconds=0.0)


def fits_taking(per_step: float, steps: list[int]) -> Callable[[Any, Any], float]:
    def fit_seconds(_stream: Any, dataset: Any) -> float:
        steps.append(len(dataset))
        return per_step * len(dataset)

    return fit_seconds


@pytest.mark.parametrize(
    ("per_step", "fits"),
    [
        (0.1, [2, 2, 50]),
        (1.5, [2, 2, 4]),
        (4.0, [2, 2]),  # slow enough to be timed already
        (1e-6, [2, 2, 2000]),
    ],
)
def test_as_many_steps_are_timed_as_fit_into_the_time(
    per_step: float, fits: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[int] = []
    monkeypatch.setattr(training_speed, "_fit_seconds", fits_taking(per_step, steps))
    speed = measure_training(small("streams"), "float32", seconds=5.0)
    assert steps == fits
    assert speed.words_per_second == pytest.approx(3 * 5 / per_step)


def test_an_epoch_is_that_of_the_penn_treebank() -> None:
    speed = TrainingSpeed(
        compute_dtype="float32", num_steps=1, seconds=1.0, words_per_second=929_589 / 120, flops_per_second=1.0
    )
    assert speed.minutes_per_ptb_epoch == pytest.approx(2.0)
