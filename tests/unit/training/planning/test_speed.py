from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from nextword.errors import SettingError
from nextword.model.architecture import useful_flops_per_word
from nextword.model.language_model import LanguageModel
from nextword.training.config import RunConfig
from nextword.training.planning import speed as training_speed
from nextword.training.planning.speed import TrainingSpeed, measure_training
from nextword.training.step.step import TrainingStep

SMALL: dict[str, dict[str, Any]] = {
    "model": {"embedding_size": 4, "hidden_sizes": [4], "tied": True, "output_dropout_rate": 0.5},
    "batching": {"batch_size": 3, "num_steps": 5},
}


def small(windows: str = "streams", **training: Any) -> RunConfig:
    tables: dict[str, Any] = {
        **SMALL,
        "batching": {**SMALL["batching"], "windows": windows},
        "training": {"compute_dtype": "float32", **training},
    }
    return RunConfig.of("tutorial", tables)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[tuple[TrainingStep, dict[str, NDArray[np.float32]]]]:
    """The measured steps, each with its initial weights."""
    steps: list[tuple[TrainingStep, dict[str, NDArray[np.float32]]]] = []

    class Kept(TrainingStep):
        def __init__(self, model: LanguageModel, *arguments: Any, **named: Any) -> None:
            super().__init__(model, *arguments, **named)
            steps.append((self, {name: array.copy() for name, array in model.named_weights().items()}))

    monkeypatch.setattr(training_speed, "TrainingStep", Kept)
    return steps


@pytest.mark.parametrize("windows", ["streams", "successive"])
@pytest.mark.parametrize("compute_dtype", ["float32", "bfloat16"])
def test_the_figures_agree(windows: str, compute_dtype: str) -> None:
    config = small(windows, compute_dtype=compute_dtype)
    speed = measure_training(config, seconds=0.02)
    assert speed.compute_dtype == compute_dtype
    assert speed.words_per_second * speed.seconds == pytest.approx(speed.num_steps * 3 * 5)
    assert speed.flops_per_second == speed.words_per_second * useful_flops_per_word(config.model.build(10_000))


@pytest.mark.parametrize("vocabulary_size", [10_000, 12])
def test_what_is_measured_is_training(measured: list[Any], vocabulary_size: int) -> None:
    measure_training(small(), vocabulary_size, seconds=0.0)
    ((step, before),) = measured
    assert step.model.architecture == small().model.build(vocabulary_size)
    for name, weights in step.model.named_weights().items():
        assert not np.array_equal(weights, before[name]), name


def test_the_training_step_itself_is_measured(measured: list[Any]) -> None:
    loss: dict[str, Any] = {"loss": "sum_over_time"}
    penalties: dict[str, Any] = {"activation_regularization": 2.0, "temporal_activation_regularization": 1.0}
    config = small(compute_dtype="bfloat16", averaging="two_tailed", clip_norm=3.0, **loss, **penalties)
    measure_training(config, 12, seconds=0.0)
    ((step, before),) = measured
    stream, optimizer = step.stream, step.optimizer
    asked = {**loss, **penalties}
    assert {name: getattr(stream.options, name) for name in asked} == asked
    assert (step.model.product_dtype, optimizer.global_clipnorm) == ("bfloat16", 3.0)
    # Averages are kept while it is measured.
    average = keras.ops.convert_to_numpy(optimizer.averages.main.averages[0])
    assert not np.array_equal(average, np.zeros_like(average))
    assert not np.array_equal(average, before["embedding/embeddings"])


def test_a_run_of_given_minutes_can_be_measured_before_it_has_a_plan(measured: list[Any]) -> None:
    measure_training(small(minutes=1.0, schedule="linear"), 12, seconds=0.0)
    assert measured[0][0].optimizer.schedule_progress is None


def test_a_sampled_softmax_is_measured_as_one() -> None:
    with pytest.raises(SettingError, match="`sampled_softmax` must be at least 2 and below the vocabulary size 10000"):
        measure_training(small(sampled_softmax=10_000), seconds=0.0)


def rounds_taking(per_step: float, steps: list[int]) -> Callable[[Any, int], float]:
    def seconds_of(_step: Any, num_steps: int) -> float:
        steps.append(num_steps)
        return per_step * num_steps

    return seconds_of


@pytest.mark.parametrize(
    ("per_step", "rounds"),
    [
        (0.1, [2, 2, 17, 17, 17]),
        (1.5, [2, 2, 2, 2, 2]),
        (4.0, [2, 2]),  # slow enough to be timed at once
        (1e-6, [2, 2, 600, 600, 600]),
    ],
)
def test_the_number_of_timed_steps_fits_the_time(
    per_step: float, rounds: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[int] = []
    monkeypatch.setattr(training_speed, "_seconds_of", rounds_taking(per_step, steps))
    speed = measure_training(small(), seconds=5.0)
    assert steps == rounds
    assert speed.words_per_second == pytest.approx(3 * 5 / per_step)


def test_the_fastest_timing_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter([9.0, 0.2, 6.0, 2.0, 3.0])
    monkeypatch.setattr(training_speed, "_seconds_of", lambda _step, _num_steps: next(seconds))
    speed = measure_training(small(), seconds=6.0)
    assert (speed.num_steps, speed.seconds) == (20, 2.0)


def test_an_epoch_is_that_of_the_penn_treebank() -> None:
    speed = TrainingSpeed(
        compute_dtype="float32", num_steps=1, seconds=1.0, words_per_second=929_589 / 120, flops_per_second=1.0
    )
    assert speed.minutes_per_ptb_epoch == pytest.approx(2.0)
