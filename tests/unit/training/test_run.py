from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from nextword.errors import TrainingDivergedError
from nextword.model.language_model import LanguageModel
from nextword.text.batching.window import Streams, VariedStreams, Window
from nextword.text.options import BatchOptions
from nextword.training.checkpoint_store import CheckpointStore
from nextword.training.context import TrainingObserver
from nextword.training.plan import Plan
from nextword.training.progress import RoundRecord, TrainingProgress
from nextword.training.report.history import write_log
from nextword.training.step import round_callbacks
from support.arrays import assert_equal_to_the_bit
from support.checkpoint_stores import best_of
from support.training_runs import OPTIONS, TRAIN, RecordedShuffle, cut_off_after_rounds, finished, make_run

NUM_ROUNDS, ROUND_STEPS = 5, 6


CONSTANT = OPTIONS.replace(schedule="constant")


class Watcher(TrainingObserver):
    """Records all events, and the weights of a model at the end of each round."""

    def __init__(self) -> None:
        self.model: LanguageModel | None = None
        self.starts: list[tuple[Plan, int]] = []
        self.steps: list[int] = []
        self.rounds: list[int] = []
        self.weights: list[dict[str, NDArray[np.float32]]] = []

    def on_start(self, plan: Plan, progress: TrainingProgress) -> None:
        self.starts.append((plan, progress.rounds))

    def on_step(self, step: int, train_perplexity: float, words_per_second: float) -> None:
        assert train_perplexity > 1.0
        assert words_per_second > 0.0
        self.steps.append(step)

    def on_round(self, record: RoundRecord, plan: Plan, progress: TrainingProgress) -> None:
        assert progress.records[-1] == record
        self.rounds.append(record.round)
        if self.model is not None:
            self.weights.append(self.model.named_weights())


class Destroyer(keras.callbacks.Callback):  # type: ignore[misc, unused-ignore]
    """A callback that makes a round diverge, the third if no other is named."""

    def __init__(self, number: int = 3) -> None:
        super().__init__()
        self._number = number

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if epoch == self._number - 1:
            self.model.optimizer.learning_rate = np.inf


# The result of a run.


def test_training_improves_the_perplexity_in_the_log(tmp_path: Path) -> None:
    records = finished(tmp_path, CONSTANT.replace(epochs=12.0, round_steps=30)).progress.records
    assert [(record.round, record.step, record.epoch) for record in records] == [
        (number, 30 * number, 2.0 * number) for number in range(1, 7)
    ]
    assert records[0].valid_perplexity > 3.0
    assert records[-1].valid_perplexity < 2.0
    assert records[-1].valid_accuracy > 0.9
    assert [record.seconds for record in records] == sorted({record.seconds for record in records})
    assert all(record.words_per_second > 0 for record in records)


class RecordedStreams(Streams):
    """Streams that record the requested windows."""

    def __init__(self) -> None:
        super().__init__(np.arange(300, dtype=np.int32) % 12, batch_size=4, num_steps=5, first_input=0)
        self.steps: list[int] = []

    def window(self, step: int) -> Window:
        self.steps.append(step)
        return super().window(step)


def test_every_step_trains_on_its_own_window(tmp_path: Path) -> None:
    train, valid = RecordedStreams(), RecordedStreams()
    make_run(tmp_path, OPTIONS, train=train, valid=valid).run()
    assert train.steps == list(range(NUM_ROUNDS * ROUND_STEPS))
    assert valid.steps == list(range(valid.steps_per_epoch)) * NUM_ROUNDS


def test_the_model_has_the_best_weights_not_the_last(tmp_path: Path) -> None:
    watcher = Watcher()
    run = make_run(tmp_path, CONSTANT, unlike=True, observer=watcher)
    watcher.model = run.step.model
    progress = run.run()
    assert 0 < progress.best_round < NUM_ROUNDS
    valid = [record.valid_perplexity for record in progress.records]
    assert valid[progress.best_round - 1] == min(valid)
    assert_equal_to_the_bit(run.step.model.named_weights(), watcher.weights[progress.best_round - 1])
    for name, weight in run.step.model.named_weights().items():
        assert not np.array_equal(weight, watcher.weights[-1][name]), name


def test_a_run_can_be_ended_early_and_resumed_later(tmp_path: Path) -> None:
    cut_off_after_rounds(tmp_path, 3, CONSTANT, unlike=True)
    ended = make_run(tmp_path, CONSTANT, unlike=True)
    assert ended.finish().best_round < 3
    best = best_of(CheckpointStore(tmp_path))
    np.testing.assert_array_equal(
        ended.step.model.named_weights()["embedding/embeddings"], best.arrays["model/000/embeddings"]
    )
    resumed = finished(tmp_path, CONSTANT, unlike=True)
    at_once = finished(tmp_path / "at once", CONSTANT, unlike=True)
    assert_equal_to_the_bit(resumed.step.model.named_weights(), at_once.step.model.named_weights())
    assert resumed.progress.rounds == NUM_ROUNDS


def test_a_run_that_stops_early_says_which_round_is_kept(tmp_path: Path) -> None:
    said: list[str] = []
    impatient = OPTIONS.replace(schedule="constant", patience=2)
    run = finished(tmp_path, impatient, unlike=True, say=said.append)
    done, best = run.progress.rounds, run.progress.best_round
    assert done == best + 2 < run.plan.num_rounds
    assert said == [f"done early after round {done}: validation has not improved since round {best}, which is kept"]
    finished(tmp_path, impatient, unlike=True, say=said.append)  # resumed, there is nothing to do
    assert len(said) == 1


def test_a_run_that_reaches_its_end_says_nothing(tmp_path: Path) -> None:
    said: list[str] = []
    finished(tmp_path, OPTIONS.replace(patience=2), say=said.append)
    assert said == []


@pytest.mark.parametrize(("schedule", "expected"), [("linear", [0.02 * 15 / 28, 0.0]), ("step", [0.01, 0.005])])
def test_a_record_has_the_learning_rate_of_the_next_step(schedule: str, expected: list[float], tmp_path: Path) -> None:
    options = OPTIONS.replace(schedule=schedule, constant_epochs=1, round_steps=15)
    rates = [record.learning_rate for record in finished(tmp_path, options).progress.records]
    assert rates == pytest.approx(expected, rel=1e-5, abs=1e-9)


def test_a_sampled_softmax_changes_training_but_not_validation(tmp_path: Path) -> None:
    still = replace(OPTIONS, learning_rate=0.0, epochs=0.5)
    plain = finished(tmp_path / "plain", still).progress.records[-1]
    changed = finished(tmp_path / "changed", replace(still, sampled_softmax=4)).progress.records[-1]
    assert changed.valid_perplexity == pytest.approx(plain.valid_perplexity, rel=1e-6)
    moved = finished(tmp_path / "moved", replace(OPTIONS, sampled_softmax=4)).progress.records[-1]
    usual = finished(tmp_path / "usual", OPTIONS).progress.records[-1]
    assert usual.valid_perplexity != moved.valid_perplexity < 0.9 * plain.valid_perplexity


# Divergence.


def test_an_extreme_learning_rate_raises_a_divergence_error(tmp_path: Path) -> None:
    absurd = CONSTANT.replace(optimizer="sgd", learning_rate=1000.0, clip_norm=None)
    with pytest.raises(TrainingDivergedError, match=r"but is (inf|nan) at step .* there is no checkpoint yet; .*lower"):
        make_run(tmp_path, absurd).run()
    assert CheckpointStore(tmp_path).newest() is None


def test_a_divergence_keeps_and_names_the_last_checkpoint(tmp_path: Path) -> None:
    run = make_run(tmp_path / "diverged", CONSTANT, unlike=True, callbacks=[Destroyer()])
    with pytest.raises(TrainingDivergedError, match=r"is nan at step 1[4-8]; the checkpoint of step 12"):
        run.run()
    assert run.progress.rounds == 2
    finished(tmp_path / "two rounds", CONSTANT.replace(epochs=0.8), unlike=True)
    kept, expected = CheckpointStore(tmp_path / "diverged"), CheckpointStore(tmp_path / "two rounds")
    for ours, theirs in ((kept.newest(), expected.newest()), (kept.best(), expected.best())):
        assert ours is not None
        assert theirs is not None
        assert (ours.step, ours.best_step) == (theirs.step, theirs.best_step)
        assert_equal_to_the_bit(ours.arrays, theirs.arrays)


@pytest.mark.slow
@pytest.mark.parametrize("round_steps", [5, 6])
@pytest.mark.parametrize("number", [2, 3, 4, 5])
def test_whenever_the_loss_is_not_finite_the_best_checkpoint_is(number: int, round_steps: int, tmp_path: Path) -> None:
    options = CONSTANT.replace(round_steps=round_steps)
    with pytest.raises(TrainingDivergedError, match=f"the checkpoint of step {round_steps * (number - 1)}"):
        make_run(tmp_path, options, unlike=number % 2 == 0, callbacks=[Destroyer(number)]).run()
    store = CheckpointStore(tmp_path)
    for kept in (store.newest(), store.best()):
        assert kept is not None
        assert kept.step <= round_steps * (number - 1)
        assert all(np.isfinite(array).all() for array in kept.arrays.values() if array.dtype.kind == "f")


def test_a_divergence_is_found_inside_a_round(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(round_callbacks, "_SECONDS_BETWEEN_REPORTS", 0.0)
    # The first step of the third round has finite weights, and leaves infinite ones.
    with pytest.raises(TrainingDivergedError, match=r"training perplexity .* at step 14; the checkpoint of step 12"):
        make_run(tmp_path, CONSTANT, callbacks=[Destroyer()]).run()


def test_a_validation_that_is_not_finite_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path, CONSTANT)
    validate = run.step.validate
    monkeypatch.setattr(run.step, "validate", lambda callbacks: replace(validate(callbacks), perplexity=np.nan))
    with pytest.raises(TrainingDivergedError, match="the validation perplexity must be a finite number, but is nan"):
        run.run()


# Observers.


def test_observers_receive_start_steps_and_rounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(round_callbacks, "_SECONDS_BETWEEN_REPORTS", 0.0)
    cut_off_after_rounds(tmp_path, 1, OPTIONS)
    watcher = Watcher()
    finished(tmp_path, OPTIONS, observer=watcher)
    total_steps = NUM_ROUNDS * ROUND_STEPS
    assert watcher.starts == [(Plan(15, ROUND_STEPS, (total_steps,)), 1)]
    assert watcher.rounds == [2, 3, 4, 5]
    assert watcher.steps == list(range(ROUND_STEPS + 1, NUM_ROUNDS * ROUND_STEPS + 1))


def test_the_log_is_written_before_observers_receive_a_round(tmp_path: Path) -> None:
    told: list[int] = []

    class Reader(TrainingObserver):
        def on_round(self, record: RoundRecord, plan: Plan, progress: TrainingProgress) -> None:
            told.append(len((tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines()))

    finished(tmp_path / "run", OPTIONS, log=partial(write_log, tmp_path), observer=Reader())
    assert told == [1, 2, 3, 4, 5]


def test_a_run_of_shuffled_rows_ends_with_a_whole_epoch(tmp_path: Path) -> None:
    train = RecordedShuffle()
    finished(tmp_path, OPTIONS.replace(epochs=1.4), train=train)
    assert sorted({*train.read}) == [*range(9, 30)]


def test_the_learning_rate_of_a_step_follows_its_window_length(tmp_path: Path) -> None:
    asked = BatchOptions(batch_size=4, num_steps=10, variable_num_steps=True)
    train = VariedStreams(TRAIN, asked, first_input=0)
    relative = train.relative_lengths(200)
    assert relative is not None
    each_step = CONSTANT.replace(round_steps=1)
    records = finished(tmp_path, each_step, train=train).progress.records[:-1]
    rates = [CONSTANT.learning_rate * relative[record.step] for record in records]  # of the next step
    assert len(set(rates)) > 1
    assert [record.learning_rate for record in records] == pytest.approx(rates, rel=1e-6)
