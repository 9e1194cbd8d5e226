"""A training that is cut off anywhere and gone on with ends with the bits of one that was not."""

import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from nextword.architecture import Architecture
from nextword.batching.streams import Streams
from nextword.batching.window import TokenIds
from nextword.errors import CheckpointError, TrainingDivergedError
from nextword.models.language_model import LanguageModel
from nextword.training import round_callback, trainer
from nextword.training.checkpoint_store import CheckpointStore
from nextword.training.interruption import TrainingInterrupted
from nextword.training.observer import SilentObserver
from nextword.training.options import TrainingOptions
from nextword.training.progress import RoundRecord, TrainingProgress
from nextword.training.round_plan import RoundPlan
from nextword.training.trainer import Trainer
from nextword.training.validation import validation_streams

ARCHITECTURE = Architecture(
    vocabulary_size=12,
    embedding_size=8,
    hidden_sizes=(8,),
    tied=True,
    input_dropout_rate=0.2,
    output_dropout_rate=0.2,
    initializer_scale=0.5,
)
TRAIN = np.tile(np.random.default_rng(0).permutation(12), 25).astype(np.int32)  # 15 steps an epoch
VALID = TRAIN[:120]
UNLIKE = np.random.default_rng(1).integers(0, 12, 120).astype(np.int32)  # gets worse while TRAIN gets better
ROUND_STEPS, NUM_ROUNDS = 6, 5
CONFIGURATIONS = {
    f"{schedule}, {optimizer}": TrainingOptions(
        epochs=2.0,
        round_steps=ROUND_STEPS,
        schedule=schedule,
        constant_epochs=1,
        optimizer=optimizer,
        learning_rate=rate,
        clip_norm=1.0,
    )
    for schedule, optimizer, rate in (
        ("linear", "adam", 0.02),
        ("step", "sgd", 0.5),
        ("plateau", "adam", 0.02),
        ("plateau", "sgd", 0.5),
    )
}
OPTIONS = CONFIGURATIONS["linear, adam"]
CONSTANT = CONFIGURATIONS["plateau, adam"].replace(schedule="constant")


class CutOffError(Exception):
    """What stands for a crash."""


class CutOffAfterEachRound(SilentObserver):
    def on_round(self, record: RoundRecord, progress: TrainingProgress) -> None:
        raise CutOffError(record.round)


class Watcher(SilentObserver):
    """Keeps all that it is told."""

    def __init__(self) -> None:
        self.model: LanguageModel | None = None
        self.starts: list[tuple[RoundPlan, int]] = []
        self.steps: list[int] = []
        self.rounds: list[int] = []
        self.weights: list[dict[str, NDArray[np.float32]]] = []

    def on_start(self, plan: RoundPlan, progress: TrainingProgress) -> None:
        self.starts.append((plan, progress.rounds))

    def on_step(self, step: int, train_perplexity: float, words_per_second: float) -> None:
        assert train_perplexity > 1.0
        assert words_per_second > 0.0
        self.steps.append(step)

    def on_round(self, record: RoundRecord, progress: TrainingProgress) -> None:
        assert progress.records[-1] == record
        self.rounds.append(record.round)
        if self.model is not None:
            self.weights.append(self.model.named_weights())


class At(keras.callbacks.Callback):  # type: ignore[misc, unused-ignore]
    """Does something at one moment of a training."""

    def __init__(self, moment: str, round_number: int, batch: int, act: Callable[[Any], None]) -> None:
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
            self._act(self.model)


def cut_off(_model: Any) -> None:
    raise CutOffError


def make_trainer(
    root: Path,
    options: TrainingOptions,
    *,
    valid: TokenIds = VALID,
    observer: SilentObserver | None = None,
    callbacks: Sequence[Any] = (),
    architecture: Architecture = ARCHITECTURE,
) -> Trainer:
    return Trainer(
        LanguageModel(architecture, seed=1),
        train=Streams(TRAIN, batch_size=4, num_steps=5, first_input=0),
        valid=validation_streams(valid, end_id=0),
        options=options,
        store=CheckpointStore(root),
        observer=observer,
        callbacks=callbacks,
    )


def finished(root: Path, options: TrainingOptions, **arguments: Any) -> Trainer:
    """A trainer that has run from where `root` stands to the end."""
    made = make_trainer(root, options, **arguments)
    assert made.run().finished
    return made


def without_clock(progress: TrainingProgress) -> TrainingProgress:
    return replace(
        progress, records=tuple(replace(record, words_per_second=0.0, seconds=0.0) for record in progress.records)
    )


def assert_ended_alike(ours: Trainer, expected: Trainer) -> None:
    """The same model, the same log, and the same last checkpoint, to the bit."""
    assert without_clock(ours.progress) == without_clock(expected.progress)
    weights = expected.model.named_weights()
    for name, weight in ours.model.named_weights().items():
        np.testing.assert_array_equal(weight, weights[name], err_msg=name)
    checkpoint, expected_checkpoint = ours._store.newest(), expected._store.newest()
    assert checkpoint is not None
    assert expected_checkpoint is not None
    assert (checkpoint.step, checkpoint.best_step) == (expected_checkpoint.step, expected_checkpoint.best_step)
    assert checkpoint.arrays.keys() == expected_checkpoint.arrays.keys()
    for name, array in checkpoint.arrays.items():
        np.testing.assert_array_equal(array, expected_checkpoint.arrays[name], strict=True, err_msg=name)


@pytest.fixture(scope="module")
def at_once(tmp_path_factory: pytest.TempPathFactory) -> Trainer:
    """A training with `OPTIONS` that nothing has cut off."""
    return finished(tmp_path_factory.mktemp("at_once"), OPTIONS)


def cut_off_after_rounds(root: Path, num_rounds: int, options: TrainingOptions = OPTIONS, **arguments: Any) -> None:
    """Train a round, die, go on, die, and so on."""
    for done in range(num_rounds):
        interrupted = make_trainer(root, options, observer=CutOffAfterEachRound(), **arguments)
        assert interrupted.progress.rounds == done
        with pytest.raises(CutOffError):
            interrupted.run()


def newest_checkpoint(root: Path) -> Path:
    return max(root.glob("step-*"))


def flip_a_byte(path: Path, place: int = -5) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 0x10
    path.write_bytes(data)


# Cut off and gone on with.


@pytest.mark.parametrize("options", CONFIGURATIONS.values(), ids=CONFIGURATIONS.keys())
def test_a_training_cut_off_after_every_round_ends_with_the_bits_of_one_that_was_not(
    tmp_path: Path, options: TrainingOptions
) -> None:
    uninterrupted = finished(tmp_path / "at once", options, valid=UNLIKE)
    assert uninterrupted.progress.rounds == NUM_ROUNDS
    cut_off_after_rounds(tmp_path / "cut off", NUM_ROUNDS, options, valid=UNLIKE)
    assert_ended_alike(finished(tmp_path / "cut off", options, valid=UNLIKE), uninterrupted)
    if options.schedule == "plateau":
        assert uninterrupted.progress.records[-1].learning_rate < options.learning_rate


def test_a_round_that_was_cut_off_inside_is_done_again_to_the_same_bits(tmp_path: Path, at_once: Trainer) -> None:
    for moment, round_number, batch in (("train", 1, 2), ("begin", 2, 0), ("train", 3, 5), ("valid", 4, 0)):
        interrupted = make_trainer(tmp_path, OPTIONS, callbacks=[At(moment, round_number, batch, cut_off)])
        with pytest.raises(CutOffError):
            interrupted.run()
        assert interrupted.progress.rounds == round_number - 1
    assert_ended_alike(finished(tmp_path, OPTIONS), at_once)


@pytest.mark.parametrize(("moment", "number"), [("train", signal.SIGINT), ("valid", signal.SIGTERM)])
def test_a_signal_stops_between_two_steps_and_the_training_can_be_gone_on_with(
    tmp_path: Path, at_once: Trainer, moment: str, number: int
) -> None:
    def send(_model: Any) -> None:
        signal.raise_signal(number)

    stopped = make_trainer(tmp_path, OPTIONS, callbacks=[At(moment, 2, 0, send)])
    with stopped.interruption.listening(), pytest.raises(TrainingInterrupted) as stop:
        stopped.run()
    assert stop.value.signal_number == number
    assert stopped.progress.rounds == 1
    assert_ended_alike(finished(tmp_path, OPTIONS), at_once)


def test_a_damaged_checkpoint_costs_one_round_and_no_bit(tmp_path: Path, at_once: Trainer) -> None:
    cut_off_after_rounds(tmp_path, 3)
    flip_a_byte(newest_checkpoint(tmp_path) / "arrays.safetensors")
    resumed = make_trainer(tmp_path, OPTIONS)
    assert resumed.progress.rounds == 2
    assert len(resumed._store.damaged) == 1
    resumed.run()
    assert_ended_alike(resumed, at_once)


def test_with_all_checkpoints_damaged_training_begins_anew(tmp_path: Path, at_once: Trainer) -> None:
    cut_off_after_rounds(tmp_path, 2)
    for checkpoint in tmp_path.glob("step-*"):
        flip_a_byte(checkpoint / "arrays.safetensors")
    resumed = make_trainer(tmp_path, OPTIONS)
    assert resumed.progress.rounds == 0
    resumed.run()
    assert_ended_alike(resumed, at_once)


def test_a_finished_training_does_nothing_more(tmp_path: Path) -> None:
    first = finished(tmp_path, OPTIONS)
    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    watcher = Watcher()
    again = finished(tmp_path, OPTIONS, observer=watcher, callbacks=[At("begin", 1, 0, cut_off)])
    assert [rounds for _, rounds in watcher.starts] == [NUM_ROUNDS]
    assert watcher.rounds == watcher.steps == []
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == written
    assert_ended_alike(again, first)


def test_the_dropout_of_the_rounds_differs(tmp_path: Path) -> None:
    cut_off_after_rounds(tmp_path, 2)
    seeds = []
    for path in sorted(tmp_path.glob("step-*")):
        checkpoint = CheckpointStore(tmp_path)._load(int(path.name[5:]))
        assert checkpoint is not None
        seeds.append([array for name, array in checkpoint.arrays.items() if "seed_generator_state" in name])
    assert len(seeds[0]) == len(seeds[1]) == 2
    for first, second in zip(*seeds, strict=True):
        assert not np.array_equal(first, second)


# What the model is in the end.


def test_the_model_ends_with_the_best_weights_and_not_the_last(tmp_path: Path) -> None:
    watcher = Watcher()
    made = make_trainer(tmp_path, CONSTANT, valid=UNLIKE, observer=watcher)
    watcher.model = made.model
    progress = made.run()
    assert 0 < progress.best_round < NUM_ROUNDS
    valid = [record.valid_perplexity for record in progress.records]
    assert valid[progress.best_round - 1] == min(valid)
    for name, weight in made.model.named_weights().items():
        np.testing.assert_array_equal(weight, watcher.weights[progress.best_round - 1][name], err_msg=name)
        assert not np.array_equal(weight, watcher.weights[-1][name]), name


def test_a_damaged_best_checkpoint_leaves_the_newest_weights_and_is_said(tmp_path: Path) -> None:
    best_round = finished(tmp_path, CONSTANT, valid=UNLIKE).progress.best_round
    flip_a_byte(tmp_path / f"step-{best_round * ROUND_STEPS:010d}" / "arrays.safetensors")
    made = finished(tmp_path, CONSTANT, valid=UNLIKE)
    assert made.warnings == ["the best checkpoint is damaged; the model keeps the newest weights"]
    newest = CheckpointStore(tmp_path).newest()
    assert newest is not None
    np.testing.assert_array_equal(
        made.model.named_weights()["embedding/embeddings"], newest.arrays["model/000/embeddings"]
    )


def test_patience_ends_a_training_early_and_for_good(tmp_path: Path) -> None:
    options = CONSTANT.replace(patience=2)
    progress = finished(tmp_path, options, valid=UNLIKE).progress
    assert progress.rounds == progress.best_round + 2 < NUM_ROUNDS
    assert finished(tmp_path, options, valid=UNLIKE).progress == progress


def test_training_learns_and_its_log_says_so(tmp_path: Path) -> None:
    options = OPTIONS.replace(epochs=12.0, round_steps=30)
    records = finished(tmp_path, options).progress.records
    assert [(record.round, record.step, record.epoch) for record in records] == [
        (number, 30 * number, 2.0 * number) for number in range(1, 7)
    ]
    assert records[0].valid_perplexity > 4.0
    assert records[-1].valid_perplexity < 2.0
    assert records[-1].valid_accuracy > 0.9
    assert [record.seconds for record in records] == sorted({record.seconds for record in records})
    assert all(record.words_per_second > 0 for record in records)


@pytest.mark.parametrize("schedule", ["linear", "step"])
def test_a_record_names_the_learning_rate_of_the_step_to_come(tmp_path: Path, schedule: Any) -> None:
    options = OPTIONS.replace(schedule=schedule, warmup_fraction=0.0, constant_epochs=1, round_steps=15)
    rates = [record.learning_rate for record in finished(tmp_path, options).progress.records]
    expected = {"linear": [0.02 * 15 / 30, 0.0], "step": [0.01, 0.005]}
    assert rates == pytest.approx(expected[schedule], rel=1e-5, abs=1e-9)


# Divergence.


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
def test_an_absurd_learning_rate_is_said_to_have_diverged(tmp_path: Path) -> None:
    options = CONSTANT.replace(learning_rate=1000.0, clip_norm=None)
    with pytest.raises(TrainingDivergedError, match="but is (inf|nan) at step .* there was no checkpoint yet; .*lower"):
        make_trainer(tmp_path, options).run()
    assert CheckpointStore(tmp_path).newest() is None


def destroy(model: Any) -> None:
    model.optimizer.learning_rate = np.inf


def diverged(root: Path) -> pytest.ExceptionInfo[TrainingDivergedError]:
    made = make_trainer(root, CONSTANT, valid=UNLIKE, callbacks=[At("begin", 3, 0, destroy)])
    with pytest.raises(TrainingDivergedError) as error:
        made.run()
    assert made.progress.rounds == 2
    return error


def test_a_divergence_names_the_checkpoint_that_is_kept_and_leaves_it_and_the_best_alone(tmp_path: Path) -> None:
    assert f"at step {3 * ROUND_STEPS}; the checkpoint of step {2 * ROUND_STEPS} is kept" in str(
        diverged(tmp_path / "diverged").value
    )
    short = CONSTANT.replace(epochs=0.8)
    finished(tmp_path / "two rounds", short, valid=UNLIKE)
    kept, expected = CheckpointStore(tmp_path / "diverged"), CheckpointStore(tmp_path / "two rounds")
    for ours, theirs in ((kept.newest(), expected.newest()), (kept.best(), expected.best())):
        assert ours is not None
        assert theirs is not None
        assert (ours.step, ours.best_step) == (theirs.step, theirs.best_step)
        for name, array in ours.arrays.items():
            np.testing.assert_array_equal(array, theirs.arrays[name], err_msg=name)


def test_a_divergence_is_found_inside_a_round(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(round_callback, "_SECONDS_BETWEEN_LOOKS", 0.0)
    # The first step is taken with sound weights, and leaves unsound ones.
    assert f"at step {2 * ROUND_STEPS + 2}; the checkpoint of step {2 * ROUND_STEPS}" in str(diverged(tmp_path).value)


# Who watches.


def test_observers_are_told_of_start_steps_and_rounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(round_callback, "_SECONDS_BETWEEN_LOOKS", 0.0)
    cut_off_after_rounds(tmp_path, 1)
    watcher = Watcher()
    finished(tmp_path, OPTIONS, observer=watcher)
    assert watcher.starts == [(RoundPlan(steps_per_epoch=15, round_steps=ROUND_STEPS, num_rounds=NUM_ROUNDS), 1)]
    assert watcher.rounds == [2, 3, 4, 5]
    assert watcher.steps == list(range(ROUND_STEPS + 1, NUM_ROUNDS * ROUND_STEPS + 1))


class Counter(keras.callbacks.Callback):  # type: ignore[misc, unused-ignore]
    """A callback as users write them."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[int] = []
        self.ended: list[int] = []
        self.perplexities: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.begun.append(epoch)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.ended.append(epoch)
        self.perplexities.append(float(logs["val_perplexity"]))


def test_callbacks_of_the_user_are_called_once_a_round_with_its_figures(tmp_path: Path) -> None:
    counter = Counter()
    progress = finished(tmp_path / "at once", OPTIONS, callbacks=[counter]).progress
    assert counter.begun == counter.ended == list(range(NUM_ROUNDS))
    assert counter.perplexities == [record.valid_perplexity for record in progress.records]


def test_callbacks_of_the_user_are_called_for_the_rounds_that_are_left(tmp_path: Path) -> None:
    cut_off_after_rounds(tmp_path, 2)
    counter = Counter()
    finished(tmp_path, OPTIONS, callbacks=[counter])
    assert counter.begun == counter.ended == [2, 3, 4]


# What does not fit together.


def test_resuming_on_another_machine_warns_and_names_what_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_off_after_rounds(tmp_path, 1)
    assert make_trainer(tmp_path, OPTIONS).warnings == []
    elsewhere = {**trainer.fingerprint(), "jaxlib": "9.9.9"}
    monkeypatch.setattr(trainer, "fingerprint", lambda: elsewhere)
    (warning,) = make_trainer(tmp_path, OPTIONS).warnings
    assert "-> 9.9.9" in warning
    assert "not the same to the bit" in warning
    assert "numpy" not in warning


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    finished(tmp_path, OPTIONS)
    with pytest.raises(CheckpointError, match="the checkpoint must fit the model"):
        make_trainer(tmp_path, OPTIONS, architecture=ARCHITECTURE.replace(vocabulary_size=13))


def test_a_checkpoint_between_two_rounds_of_other_settings_is_refused(tmp_path: Path) -> None:
    cut_off_after_rounds(tmp_path, 1)
    with pytest.raises(CheckpointError, match="must lie at the end of a round of 7 steps"):
        make_trainer(tmp_path, OPTIONS.replace(round_steps=7))
