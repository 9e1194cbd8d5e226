"""When metrics are read from the device, and what callbacks receive over many calls of `fit`."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import pytest

from nextword.training.interruption import Interruption, TrainingInterrupted
from nextword.training.step import round_callbacks
from nextword.training.step.round_callbacks import RoundCallbacks


class Metric:
    """A metric on the device: reading it is counted, and waits for the step."""

    def __init__(self) -> None:
        self.reads = 0

    def __float__(self) -> float:
        self.reads += 1
        return 7.5


class Logs(Mapping[str, Any]):
    """Metrics as Keras passes them to callbacks; only the conversion to a number counts as a read."""

    def __init__(self) -> None:
        self.perplexity = Metric()

    def __getitem__(self, name: str) -> Metric:
        return {"perplexity": self.perplexity}[name]

    def __iter__(self) -> Iterator[str]:
        return iter(["perplexity"])

    def __len__(self) -> int:
        return 1


class Clock:
    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(round_callbacks, "time", clock)
    return clock


class Seen:
    """The reports: steps, perplexity, steps per second."""

    def __init__(self) -> None:
        self.reports: list[tuple[int, float, float]] = []

    def __call__(self, steps: int, perplexity: float, steps_per_second: float) -> None:
        self.reports.append((steps, perplexity, steps_per_second))

    @property
    def steps(self) -> list[int]:
        return [steps for steps, _, _ in self.reports]


def take(callbacks: RoundCallbacks, clock: Clock, seconds: list[float]) -> Logs:
    """Take the steps of a round with these durations, and return the metrics."""
    logs = Logs()
    callbacks.on_epoch_begin(0)
    for batch, taken in enumerate(seconds):
        callbacks.on_train_batch_begin(batch)
        clock.now += taken
        callbacks.on_train_batch_end(batch, logs)
    callbacks.on_epoch_end(0, logs)
    return logs


def reporting_to(seen: Seen, *callbacks: keras.callbacks.Callback) -> RoundCallbacks:
    return RoundCallbacks(keras.Sequential(), callbacks, report=seen)


def test_nothing_is_read_between_two_reports(clock: Clock) -> None:
    seen = Seen()
    logs = take(reporting_to(seen), clock, [0.01] * 300)
    assert seen.steps == [1, 3, 7, 15, 31, 63, 113, 163, 213, 263]
    assert logs.perplexity.reads == len(seen.reports)
    assert {perplexity for _, perplexity, _ in seen.reports} == {7.5}
    assert [pace for _, _, pace in seen.reports] == pytest.approx([100.0] * len(seen.reports))


def test_a_slow_first_step_does_not_delay_later_reports(clock: Clock) -> None:
    seen = Seen()
    take(reporting_to(seen), clock, [20.0, *[0.01] * 30])
    assert seen.steps == [1, 2, 4, 8, 16]
    assert seen.reports[0][2] == pytest.approx(1 / 20.0)
    assert seen.reports[1][2] == pytest.approx(100.0)


def test_each_slow_step_is_reported(clock: Clock) -> None:
    seen = Seen()
    take(reporting_to(seen), clock, [2.0] * 5)
    assert seen.steps == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("step_seconds", [0.003, 0.02, 0.11, 0.3])
def test_reports_are_at_most_half_a_second_apart_and_gaps_at_most_double(clock: Clock, step_seconds: float) -> None:
    seen = Seen()
    take(reporting_to(seen), clock, [step_seconds] * 1000)
    gaps = [after - before for before, after in itertools.pairwise([0, *seen.steps])]
    assert gaps[0] == 1
    assert all(after <= 2 * before for before, after in itertools.pairwise(gaps))
    assert all(gap * step_seconds <= 0.5 + step_seconds for gap in gaps)
    assert gaps[-1] == max(gaps) == max(1, round(0.5 / step_seconds))


@pytest.mark.parametrize("step_seconds", [1e-5, 0.01, 3.0])
def test_without_time_between_reports_each_step_is_reported(
    clock: Clock, step_seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(round_callbacks, "_SECONDS_BETWEEN_REPORTS", 0.0)
    seen = Seen()
    logs = take(reporting_to(seen), clock, [step_seconds] * 40)
    assert seen.steps == list(range(1, 41))
    assert logs.perplexity.reads == 40


def test_each_round_counts_from_its_own_first_step(clock: Clock) -> None:
    seen = Seen()
    callbacks = reporting_to(seen)
    for first in (5.0, 0.25):
        began = clock.now
        take(callbacks, clock, [first, 0.01, 0.01])
        assert callbacks.steps_done == 3
        assert callbacks.first_step_ended - began == pytest.approx(first)
    assert seen.steps == [1, 2, 1, 3]


def test_callbacks_are_called_at_each_step(clock: Clock) -> None:
    seen, heard = Seen(), list[tuple[int, float]]()
    hearing = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: heard.append((batch, *logs.values()))
    )
    take(reporting_to(seen, hearing), clock, [0.01] * 10)
    assert heard == [(batch, 7.5) for batch in range(10)]
    assert seen.steps == [1, 3, 7]


class Recorder(keras.callbacks.Callback):  # type: ignore[misc, unused-ignore]
    """Records all calls except those for steps."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[Any] = []

    def on_train_begin(self, logs: Any = None) -> None:
        self.told.append("train begin")

    def on_train_end(self, logs: Any = None) -> None:
        self.told.append("train end")

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.told.append(epoch)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.told.append((epoch, logs["val_perplexity"]))


def test_callbacks_see_one_run_and_each_round_as_an_epoch(clock: Clock) -> None:
    recorder = Recorder()
    callbacks = RoundCallbacks(keras.Sequential(), [recorder], epochs=2, steps=3)
    assert recorder.params == {"epochs": 2, "steps": 3}
    callbacks.begin()
    for number in range(2):
        callbacks.on_train_begin()  # as Keras does in each `fit`
        callbacks.on_epoch_begin(number)
        callbacks.on_train_batch_end(0, Logs())
        callbacks.on_epoch_end(number, {"perplexity": 9.0})
        assert callbacks.figures == {"perplexity": 9.0}
        callbacks.on_train_end()
        callbacks.end_round(number, {"perplexity": 9.0, "val_perplexity": 8.0 + number})
    callbacks.end()
    assert recorder.told == ["train begin", 0, (0, 8.0), 1, (1, 9.0), "train end"]


@pytest.mark.parametrize("moment", ["train", "test"])
def test_a_signal_stops_after_a_step_of_training_or_validation(clock: Clock, moment: str) -> None:
    interruption = Interruption()
    callbacks = RoundCallbacks(keras.Sequential(), interruption=interruption)
    ended: dict[str, Callable[..., None]] = {"train": callbacks.on_train_batch_end, "test": callbacks.on_test_batch_end}
    callbacks.on_epoch_begin(0)
    ended[moment](0, Logs())
    interruption.signal_number = 15
    with pytest.raises(TrainingInterrupted):
        ended[moment](1, Logs())
