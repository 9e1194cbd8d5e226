"""When the metrics are read from the device, and what callbacks hear over many calls of Keras's `fit`."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import pytest

from nextword.training import round_watch
from nextword.training.interruption import Interruption, TrainingInterrupted
from nextword.training.round_watch import RoundWatch


class Metric:
    """A metric on the device: reading it is counted, and waits for the step."""

    def __init__(self) -> None:
        self.reads = 0

    def __float__(self) -> float:
        self.reads += 1
        return 7.5


class Logs(Mapping[str, Any]):
    """Metrics as Keras hands them to callbacks; taking one out is no reading, but turning it into a number is."""

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
    monkeypatch.setattr(round_watch, "time", clock)
    return clock


class Seen:
    """Looks that were taken: steps, perplexity, steps a second."""

    def __init__(self) -> None:
        self.looks: list[tuple[int, float, float]] = []

    def __call__(self, steps: int, perplexity: float, steps_per_second: float) -> None:
        self.looks.append((steps, perplexity, steps_per_second))

    @property
    def steps(self) -> list[int]:
        return [steps for steps, _, _ in self.looks]


def take(watch: RoundWatch, clock: Clock, seconds: list[float]) -> Logs:
    """Take the steps of a round, each in its time, and return the metrics."""
    logs = Logs()
    watch.on_epoch_begin(0)
    for batch, taken in enumerate(seconds):
        watch.on_train_batch_begin(batch)
        clock.now += taken
        watch.on_train_batch_end(batch, logs)
    watch.on_epoch_end(0, logs)
    return logs


def watching(seen: Seen, *callbacks: keras.callbacks.Callback) -> RoundWatch:
    return RoundWatch(keras.Sequential(), callbacks, look=seen)


def test_between_two_looks_nothing_is_read(clock: Clock) -> None:
    seen = Seen()
    logs = take(watching(seen), clock, [0.01] * 300)
    assert seen.steps == [1, 3, 7, 15, 31, 63, 113, 163, 213, 263]
    assert logs.perplexity.reads == len(seen.looks)
    assert {perplexity for _, perplexity, _ in seen.looks} == {7.5}
    assert [pace for _, _, pace in seen.looks] == pytest.approx([100.0] * len(seen.looks))


def test_the_first_step_that_compiles_does_not_delay_the_looks_after_it(clock: Clock) -> None:
    seen = Seen()
    take(watching(seen), clock, [20.0, *[0.01] * 30])
    assert seen.steps == [1, 2, 4, 8, 16]
    assert seen.looks[0][2] == pytest.approx(1 / 20.0)
    assert seen.looks[1][2] == pytest.approx(100.0)


def test_slow_steps_are_each_looked_at(clock: Clock) -> None:
    seen = Seen()
    take(watching(seen), clock, [2.0] * 5)
    assert seen.steps == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("step_seconds", [0.003, 0.02, 0.11, 0.3])
def test_looks_are_at_most_half_a_second_apart_and_a_gap_at_most_doubles(clock: Clock, step_seconds: float) -> None:
    seen = Seen()
    take(watching(seen), clock, [step_seconds] * 1000)
    gaps = [after - before for before, after in itertools.pairwise([0, *seen.steps])]
    assert gaps[0] == 1
    assert all(after <= 2 * before for before, after in itertools.pairwise(gaps))
    assert all(gap * step_seconds <= 0.5 + step_seconds for gap in gaps)
    assert gaps[-1] == max(gaps) == max(1, round(0.5 / step_seconds))


@pytest.mark.parametrize("step_seconds", [1e-5, 0.01, 3.0])
def test_without_time_between_looks_each_step_is_looked_at(
    clock: Clock, step_seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(round_watch, "_SECONDS_BETWEEN_LOOKS", 0.0)
    seen = Seen()
    logs = take(watching(seen), clock, [step_seconds] * 40)
    assert seen.steps == list(range(1, 41))
    assert logs.perplexity.reads == 40


def test_each_round_counts_from_its_own_first_step(clock: Clock) -> None:
    seen = Seen()
    watch = watching(seen)
    for first in (5.0, 0.25):
        began = clock.now
        take(watch, clock, [first, 0.01, 0.01])
        assert watch.steps_done == 3
        assert watch.first_step_ended - began == pytest.approx(first)
    assert seen.steps == [1, 2, 1, 3]


def test_callbacks_hear_each_step(clock: Clock) -> None:
    seen, heard = Seen(), list[tuple[int, float]]()
    hearing = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: heard.append((batch, *logs.values()))
    )
    take(watching(seen, hearing), clock, [0.01] * 10)
    assert heard == [(batch, 7.5) for batch in range(10)]
    assert seen.steps == [1, 3, 7]


class Recorder(keras.callbacks.Callback):  # type: ignore[misc, unused-ignore]
    """Keeps what it is told, but for the steps."""

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


def test_callbacks_begin_and_end_with_the_run_and_a_round_is_an_epoch_with_its_validation(clock: Clock) -> None:
    recorder = Recorder()
    watch = RoundWatch(keras.Sequential(), [recorder], epochs=2, steps=3)
    assert recorder.params == {"epochs": 2, "steps": 3}
    watch.begin()
    for number in range(2):
        watch.on_train_begin()  # as Keras does in each `fit`
        watch.on_epoch_begin(number)
        watch.on_train_batch_end(0, Logs())
        watch.on_epoch_end(number, {"perplexity": 9.0})
        assert watch.figures == {"perplexity": 9.0}
        watch.on_train_end()
        watch.end_round(number, {"perplexity": 9.0, "val_perplexity": 8.0 + number})
    watch.end()
    assert recorder.told == ["train begin", 0, (0, 8.0), 1, (1, 9.0), "train end"]


@pytest.mark.parametrize("moment", ["train", "test"])
def test_a_signal_is_heeded_after_a_step_of_training_or_validation(clock: Clock, moment: str) -> None:
    interruption = Interruption()
    watch = RoundWatch(keras.Sequential(), interruption=interruption)
    ended: dict[str, Callable[..., None]] = {"train": watch.on_train_batch_end, "test": watch.on_test_batch_end}
    watch.on_epoch_begin(0)
    ended[moment](0, Logs())
    interruption.signal_number = 15
    with pytest.raises(TrainingInterrupted):
        ended[moment](1, Logs())
