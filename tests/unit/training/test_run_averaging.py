"""Runs that validate and keep averages of the weights."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from nextword.training.checkpoint_store import CheckpointStore
from nextword.training.options import TrainingOptions
from nextword.training.run import TrainingRun
from nextword.training.step.step import RoundDataset
from nextword.training.step.stream_model import named_variables
from support.checkpoint_stores import best_of
from support.training_runs import OPTIONS, finished, make_run

NUM_ROUNDS, ROUND_STEPS = 5, 6


def averaging(kind: str, **changes: Any) -> TrainingOptions:
    """Settings of five rounds with weight averages at a constant learning rate."""
    return OPTIONS.replace(schedule="constant", averaging=kind, **changes)


def best_arrays(root: Path, run: TrainingRun, variables: list[Any]) -> list[NDArray[np.float32]]:
    """The values of some variables in the best checkpoint."""
    best = best_of(CheckpointStore(root))
    names = {id(variable): name for name, variable in named_variables(run.step.stream).items()}
    return [best.arrays[names[id(variable)]] for variable in variables]


@pytest.mark.parametrize("kind", ["exponential", "two_tailed"])
def test_the_model_ends_with_the_average_of_the_best_round(kind: str, tmp_path: Path) -> None:
    run = finished(tmp_path, averaging(kind), unlike=True)
    assert run.progress.best_round < NUM_ROUNDS
    stream = run.step.stream
    averages = best_arrays(tmp_path, run, stream.optimizer.averages.main.averages)
    unaveraged = best_arrays(tmp_path, run, stream.trainable_variables)
    for weight, average, other in zip(stream.trainable_variables, averages, unaveraged, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(weight), average)
        assert not np.array_equal(average, other)


def test_the_log_has_the_perplexity_of_the_average(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nextword.training.step.optimizer.DECAY", 0.9)
    run = finished(tmp_path, averaging("exponential"))
    record = run.progress.records[-1]
    assert run.progress.latest_is_best
    assert [record.averaged_steps for record in run.progress.records] == [6, 12, 18, 24, 30]
    # The model has the averaged weights now, so Keras evaluates the average.
    valid = run.step._valid
    dataset = RoundDataset(valid, range(valid.steps_per_epoch))
    figures = run.step.stream.evaluate(dataset, verbose=0, return_dict=True)
    assert figures["perplexity"] == pytest.approx(record.valid_perplexity, rel=1e-6)
    assert figures["accuracy"] == pytest.approx(record.valid_accuracy, rel=1e-6)


def test_averaging_is_triggered_by_worse_validation_and_improves_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nextword.training.progress.AVERAGING_PATIENCE", 0)
    plain = finished(tmp_path / "none", averaging("none"), unlike=True).progress
    triggered = finished(tmp_path / "triggered", averaging("triggered"), unlike=True).progress
    since = triggered.averaging_since
    assert 0 < since < NUM_ROUNDS
    for ours, theirs in zip(triggered.records[:since], plain.records[:since], strict=True):
        assert (ours.valid_perplexity, ours.averaged_steps) == (theirs.valid_perplexity, 0)
    later = [record.averaged_steps for record in triggered.records[since:]]
    assert later == [1 + ROUND_STEPS * (i + 1) for i in range(NUM_ROUNDS - since)]
    assert triggered.records[since].valid_perplexity < plain.records[since].valid_perplexity


def test_both_tails_are_validated_and_the_better_one_counts(tmp_path: Path) -> None:
    run = finished(tmp_path, averaging("two_tailed"), unlike=True)
    lengths = [record.averaged_steps for record in run.progress.records]
    assert lengths[0] == ROUND_STEPS
    assert all(length % ROUND_STEPS == 0 and 0 < length <= ROUND_STEPS * NUM_ROUNDS for length in lengths)
    best = best_of(CheckpointStore(tmp_path))
    assert run.step.stream.optimizer.averages.main.length_at(best.step) == lengths[run.progress.best_round - 1]


def test_validation_between_rounds_does_not_change_the_weights(tmp_path: Path) -> None:
    step = make_run(tmp_path, averaging("exponential")).step
    step.train_round(0, ROUND_STEPS)
    before = {name: array.copy() for name, array in step.model.named_weights().items()}
    average = step.optimizer.averages.main.averages[0]
    assert not np.array_equal(average, before["embedding/embeddings"])
    found = [step.validate() for _ in range(2)]
    assert found[0].averaged_steps > 0
    assert found[1].perplexity == found[0].perplexity
    for name, weight in step.model.named_weights().items():
        np.testing.assert_array_equal(weight, before[name], err_msg=name)
