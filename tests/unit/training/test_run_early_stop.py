"""A run that its patience ends."""

from collections.abc import Callable
from pathlib import Path

from nextword.training.options import TrainingOptions
from nextword.training.run import TrainingRun


def test_a_run_that_stops_early_says_which_round_is_kept(
    tmp_path: Path, options: TrainingOptions, finished: Callable[..., TrainingRun]
) -> None:
    said: list[str] = []
    impatient = options.replace(schedule="constant", patience=2)
    run = finished(tmp_path, impatient, unlike=True, say=said.append)
    done, best = run.progress.rounds, run.progress.best_round
    assert done == best + 2 < run.plan.num_rounds
    assert said == [f"done early after round {done}: validation has not improved since round {best}, which is kept"]
    finished(tmp_path, impatient, unlike=True, say=said.append)  # resumed, there is nothing to do
    assert len(said) == 1


def test_a_run_that_reaches_its_end_says_nothing(
    tmp_path: Path, options: TrainingOptions, finished: Callable[..., TrainingRun]
) -> None:
    said: list[str] = []
    finished(tmp_path, options.replace(patience=2), say=said.append)
    assert said == []
