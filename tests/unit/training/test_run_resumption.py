"""A run that is interrupted anywhere and resumed is bit-identical to an uninterrupted one."""

import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from nextword.errors import CheckpointError, TrainingInterrupted
from nextword.text.batching.window import VariedStreams
from nextword.text.options import BatchOptions
from nextword.training.checkpoint_store import CheckpointStore
from nextword.training.context import TrainingObserver
from nextword.training.plan import Plan
from nextword.training.progress import RoundRecord, TrainingProgress
from nextword.training.run import TrainingRun
from nextword.training.step.stream_model import fingerprint
from support.checkpoint_stores import newest_of, step_names
from support.slow import rest_slow
from support.training_runs import OPTIONS, TRAIN, cut_off_after_rounds, finished, make_run
from support.trust_cases import TrustCases, trust_amount

NUM_ROUNDS = 5


state_of = TrainingRun._state


class CrashError(Exception):
    """A simulated crash inside a round."""


class At(keras.callbacks.Callback):  # type: ignore[misc, unused-ignore]
    """Does something at one moment of a run."""

    def __init__(self, moment: str, round_number: int, batch: int, act: Callable[[], None]) -> None:
        super().__init__()
        self._round = 0
        self._when = (moment, round_number, batch)
        self._act = act

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._round = epoch + 1
        self._maybe("begin", 0)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._maybe("train", batch)

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        self._maybe("valid", batch)

    def _maybe(self, moment: str, batch: int) -> None:
        if (moment, self._round, batch) == self._when:
            self._act()


def also(changes: dict[str, Any]) -> Any:
    """Settings of which each occurs in other cases too."""
    return pytest.param(changes, marks=pytest.mark.slow)


def crash() -> None:
    raise CrashError


@pytest.fixture(scope="module")
def at_once(tmp_path_factory: pytest.TempPathFactory) -> TrainingRun:
    """An uninterrupted run."""
    return finished(tmp_path_factory.mktemp("at_once"), OPTIONS)


def without_clock(progress: TrainingProgress) -> TrainingProgress:
    stopped: dict[str, Any] = {"words_per_second": 0.0, "seconds": 0.0, "step_seconds": 0.0, "validation_seconds": 0.0}
    records = tuple(replace(record, **stopped) for record in progress.records)
    points = tuple(replace(point, words_per_second=0.0) for point in progress.points)
    return replace(progress, records=records, points=points)


def assert_ended_alike(ours: TrainingRun, expected: TrainingRun) -> None:
    """The same model, log and last checkpoint, bit-identical."""
    assert without_clock(ours.progress) == without_clock(expected.progress)
    weights = expected.step.model.named_weights()
    for name, weight in ours.step.model.named_weights().items():
        np.testing.assert_array_equal(weight, weights[name], err_msg=name)
    checkpoint, expected_checkpoint = ours._store.newest(), expected._store.newest()
    assert checkpoint is not None
    assert expected_checkpoint is not None
    assert (checkpoint.step, checkpoint.best_step) == (expected_checkpoint.step, expected_checkpoint.best_step)
    assert checkpoint.arrays.keys() == expected_checkpoint.arrays.keys()
    for name, array in checkpoint.arrays.items():
        np.testing.assert_array_equal(array, expected_checkpoint.arrays[name], strict=True, err_msg=name)


def flip_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-5] ^= 0x10
    path.write_bytes(data)


@pytest.mark.parametrize(
    "changes",
    [
        {"schedule": "linear", "optimizer": "adam"},
        also({"schedule": "step", "optimizer": "sgd", "learning_rate": 0.5, "constant_epochs": 1}),
        {"schedule": "constant", "optimizer": "sgd", "learning_rate": 0.5, "sampled_softmax": 4},
        also({"schedule": "linear", "optimizer": "adam", "averaging": "exponential", "weight_decay": 1e-3}),
        {
            "schedule": "constant",
            "optimizer": "sgd",
            "learning_rate": 0.5,
            "averaging": "triggered",
            "weight_decay": 1e-3,
        },
        also({"schedule": "constant", "optimizer": "adam", "averaging": "two_tailed"}),
        {"schedule": "linear", "optimizer": "adam", "averaging": "two_tailed", "compute_dtype": "float32"},
    ],
    ids=lambda changes: f"{changes['schedule']}-{changes['optimizer']}-{changes.get('averaging', 'none')}",
)
def test_a_run_that_crashes_after_every_round_is_bit_identical(
    changes: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nextword.training.progress.AVERAGING_PATIENCE", 0)
    options = OPTIONS.replace(**changes)
    uninterrupted = finished(tmp_path / "at once", options, unlike=True)
    assert uninterrupted.progress.rounds == NUM_ROUNDS
    cut_off_after_rounds(tmp_path / "cut off", NUM_ROUNDS, options, unlike=True)
    assert_ended_alike(finished(tmp_path / "cut off", options, unlike=True), uninterrupted)
    if options.averaging == "triggered":
        assert 0 < uninterrupted.progress.averaging_since < NUM_ROUNDS - 1


@pytest.mark.slow
def test_random_numbers_continue_after_a_resume(tmp_path: Path) -> None:
    rates = ("embedding", "input", "hidden", "output")
    architecture = {f"{place}_dropout_rate": 0.2 for place in rates} | {"weight_drop_rate": 0.2, "locked_dropout": True}
    batching = BatchOptions(batch_size=4, num_steps=5, variable_num_steps=True, shuffle="partial")
    settings = {
        "architecture": {**architecture},
        "train": VariedStreams(TRAIN, batching, first_input=0),
    }
    uninterrupted = finished(tmp_path / "at once", OPTIONS, **settings)
    cut_off_after_rounds(tmp_path / "cut off", uninterrupted.progress.rounds, OPTIONS, **settings)
    assert_ended_alike(finished(tmp_path / "cut off", OPTIONS, **settings), uninterrupted)


def test_a_run_that_stops_after_each_of_its_steps_is_bit_identical(tmp_path: Path, trust_cases: TrustCases) -> None:
    num_restarts = trust_amount(2, 30)
    options = OPTIONS.replace(
        round_steps=1, epochs=num_restarts / 15, schedule="constant", averaging="exponential", sampled_softmax=4
    )
    architecture = {"hidden_dropout_rate": 0.2, "weight_drop_rate": 0.2}
    uninterrupted = finished(tmp_path / "at once", options, architecture=architecture)
    assert uninterrupted.progress.rounds == num_restarts
    carried = [array for name, array in uninterrupted.step.capture().items() if name.endswith(("hidden_0", "cell_0"))]
    assert all(array.any() for array in carried)
    assert carried
    cut_off_after_rounds(tmp_path / "cut off", num_restarts, options, architecture=architecture)
    assert_ended_alike(finished(tmp_path / "cut off", options, architecture=architecture), uninterrupted)
    trust_cases.add(num_restarts, num_restarts)


def test_an_interrupted_round_is_repeated_bit_identically(at_once: TrainingRun, tmp_path: Path) -> None:
    for moment, round_number, batch in (("train", 1, 2), ("begin", 2, 0), ("train", 3, 5), ("valid", 4, 0)):
        interrupted = make_run(tmp_path, OPTIONS, callbacks=[At(moment, round_number, batch, crash)])
        with pytest.raises(CrashError):
            interrupted.run()
        assert interrupted.progress.rounds == round_number - 1
    assert_ended_alike(finished(tmp_path, OPTIONS), at_once)


SIGNALS = [
    *(("train", signal.SIGINT, 0), ("valid", signal.SIGTERM, 0)),
    *(("train", (signal.SIGINT, signal.SIGTERM)[batch % 2], batch) for batch in range(5)),
]


@pytest.mark.parametrize("moment", rest_slow(SIGNALS, quick=2))
def test_a_signal_stops_between_two_steps_and_the_run_can_be_resumed(
    moment: tuple[str, signal.Signals, int], at_once: TrainingRun, tmp_path: Path
) -> None:
    place, number, batch = moment
    stopped = make_run(tmp_path, OPTIONS, callbacks=[At(place, 2, batch, lambda: signal.raise_signal(number))])
    with stopped.interruption.listening(), pytest.raises(TrainingInterrupted) as stop:
        stopped.run()
    assert stop.value.signal_number == number
    steps = batch + 2 if place == "train" else 6
    assert str(stop.value).endswith(f"; the {steps} steps since round 1 will be repeated")
    assert stopped.progress.rounds == 1
    assert_ended_alike(finished(tmp_path, OPTIONS), at_once)


@pytest.mark.parametrize("second", [False, True], ids=["first average", "second average"])
def test_a_signal_in_the_validation_of_an_average_leaves_the_weights_usable(second: bool, tmp_path: Path) -> None:
    averaged = OPTIONS.replace(averaging="two_tailed", schedule="constant")
    uninterrupted = finished(tmp_path / "at once", averaged, unlike=True)
    validations = iter([False, True])

    def interrupt() -> None:
        if next(validations) == second:
            signal.raise_signal(signal.SIGTERM)

    callback = At("valid", NUM_ROUNDS - 1, 0, interrupt)
    stopped = make_run(tmp_path / "cut off", averaged, unlike=True, callbacks=[callback])
    with stopped.interruption.listening(), pytest.raises(TrainingInterrupted):
        stopped.run()
    assert stopped.progress.rounds == NUM_ROUNDS - 2
    # The weights are those after the same steps without a validation.
    unvalidated = make_run(tmp_path / "unvalidated", averaged).step
    unvalidated.train_round(0, 6 * (NUM_ROUNDS - 1))
    captured, expected = stopped.step.capture(), unvalidated.capture()
    assert all(np.isfinite(array).all() for array in captured.values())
    weights = {name for name in captured if name.endswith(("/embeddings", "kernel", "/bias"))}
    assert len(weights) == len(stopped.step.model.named_weights())
    for name in weights:
        np.testing.assert_array_equal(captured[name], expected[name], err_msg=name)
    assert_ended_alike(finished(tmp_path / "cut off", averaged, unlike=True), uninterrupted)


def test_a_damaged_checkpoint_costs_one_round_and_the_result_is_bit_identical(
    at_once: TrainingRun, tmp_path: Path
) -> None:
    cut_off_after_rounds(tmp_path, 3, OPTIONS)
    flip_a_byte(max(tmp_path.glob("step-*")) / "arrays.safetensors")
    resumed = make_run(tmp_path, OPTIONS)
    assert resumed.progress.rounds == 2
    assert len(resumed._store._warnings) == 1
    resumed.run()
    assert_ended_alike(resumed, at_once)


def test_a_damaged_best_checkpoint_is_reported_and_the_newest_weights_are_kept(tmp_path: Path) -> None:
    best_round = finished(tmp_path, OPTIONS, unlike=True).progress.best_round
    assert best_round < NUM_ROUNDS
    flip_a_byte(tmp_path / f"step-{6 * best_round:010d}" / "arrays.safetensors")
    warnings: list[str] = []
    again = finished(tmp_path, OPTIONS, unlike=True, warn=warnings.append)
    assert warnings == ["the best checkpoint is damaged; the model keeps the newest weights"]
    newest = newest_of(CheckpointStore(tmp_path))
    np.testing.assert_array_equal(
        again.step.model.named_weights()["embedding/embeddings"], newest.arrays["model/000/embeddings"]
    )


def test_a_finished_run_does_nothing_more(tmp_path: Path) -> None:
    first = finished(tmp_path, OPTIONS)
    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    again = finished(tmp_path, OPTIONS, callbacks=[At("begin", 1, 0, crash)])
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == written
    assert again.progress == first.progress
    assert_ended_alike(again, first)


def test_resuming_on_another_machine_warns_and_names_what_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_off_after_rounds(tmp_path, 1, OPTIONS)
    warnings: list[str] = []
    make_run(tmp_path, OPTIONS, warn=warnings.append)
    assert warnings == []
    elsewhere = {**fingerprint(), "jaxlib": "9.9.9"}
    monkeypatch.setattr("nextword.training.run.fingerprint", lambda: elsewhere)
    make_run(tmp_path, OPTIONS, warn=warnings.append)
    (warning,) = warnings
    assert "-> 9.9.9" in warning
    assert "not bit-identical" in warning
    assert "numpy" not in warning


@pytest.mark.parametrize(
    "architecture",
    [
        {"vocabulary_size": 13},
        *rest_slow(
            [
                {"embedding_size": 9, "hidden_sizes": (9,)},
                {"hidden_sizes": (9, 8)},
                {"hidden_sizes": (8, 8)},
                {"tied": False},
                {"cell": "gru"},
            ],
            quick=0,
        ),
    ],
    ids=str,
)
def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path, architecture: dict[str, Any]) -> None:
    cut_off_after_rounds(tmp_path, 1, OPTIONS)
    before = step_names(tmp_path)
    with pytest.raises(CheckpointError, match="the checkpoint must fit the model"):
        make_run(tmp_path, OPTIONS, architecture=architecture)
    assert step_names(tmp_path) == before


def test_a_checkpoint_inside_a_round_of_other_settings_is_refused(tmp_path: Path) -> None:
    cut_off_after_rounds(tmp_path, 1, OPTIONS)
    with pytest.raises(CheckpointError, match="must be at the end of a round of 7 steps"):
        make_run(tmp_path, OPTIONS.replace(round_steps=7))


def test_a_run_of_two_processes_is_not_resumed_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as two:
        two.setattr(TrainingRun, "_state", lambda run: {**state_of(run), "processes": 2})
        cut_off_after_rounds(tmp_path, 1, OPTIONS)
    with pytest.raises(CheckpointError, match="by as many processes as began it, 2, but is by 1"):
        make_run(tmp_path, OPTIONS)


def test_a_signal_in_the_last_round_is_heard(tmp_path: Path) -> None:
    class InLastRound(TrainingObserver):
        def on_round(self, record: RoundRecord, plan: Plan, progress: TrainingProgress) -> None:
            if progress.finished:
                signal.raise_signal(signal.SIGINT)

    run = make_run(tmp_path, OPTIONS, observer=InLastRound())
    with pytest.raises(TrainingInterrupted), run.interruption.listening():
        run.run()
    assert make_run(tmp_path, OPTIONS).progress.finished
