import shutil
import subprocess
import sys
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from nextword.bundle.run_directory import run_lock
from nextword.errors import SettingError
from nextword.training.tuning import study as study_module
from nextword.training.tuning.database import Claim, Outcome
from nextword.training.tuning.study import NumberedSampler, Study
from nextword.training.tuning.study_settings import StudyDirectory, StudySettings, SweepOptions
from support.small_studies import BASE, SETTINGS

CURVES = {"good": [20.0, 15.0, 12.0, 10.0], "bad": [40.0, 39.0, 38.0, 37.0]}


class Held:
    """A claim with its locks."""

    def __init__(self, study: Study) -> None:
        self.stack = ExitStack()
        claim = study.claim(self.stack)
        assert claim is not None
        self.claim = claim

    def let_go(self) -> None:
        """Release the locks, as the system does when a process ends."""
        self.stack.close()


def claimed(study: Study) -> Claim:
    """Return a claim that is held until the test process ends."""
    held = Held(study)
    _HELD.append(held)
    return held.claim


_HELD: list[Held] = []


def ended(study: Study, outcome: Outcome, *, keep_checkpoints: bool = False) -> tuple[Claim, bool]:
    """Claim a trial, end it at once, and return whether it was the best."""
    held = Held(study)
    is_best = study.end(held.claim, outcome, keep_checkpoints=keep_checkpoints)
    held.let_go()
    return held.claim, is_best


def played(study: Study, curve: list[float]) -> int:
    """Report the values of a curve as a trial, and return the number of rounds before it was pruned."""
    claim = claimed(study)
    for index, perplexity in enumerate(curve):
        if claim.report(index + 1, perplexity):
            study.end(claim, Outcome("pruned", why="pruned"))
            return index + 1
    study.end(claim, Outcome("complete", min(curve)))
    return len(curve)


def study_of(directory: Path, **options: object) -> Study:
    return Study(StudyDirectory(directory), replace(SETTINGS, options=SETTINGS.options.replace(**options)))


def test_the_first_trial_has_the_settings_of_the_preset_and_the_others_differ(study: Study) -> None:
    rates = [ended(study, Outcome("complete", 1.0))[0].config.training.learning_rate for _ in range(3)]
    assert rates[0] == BASE.training.learning_rate
    assert len(set(rates)) == 3
    assert study.claim(ExitStack()) is None
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 3


def test_two_processes_share_the_trials_without_overlap(study: Study) -> None:
    """Each Study has its own locks and storage, like those of two processes."""
    other = Study(study.directory, study.settings)
    claims = [claimed(study), claimed(other), claimed(study)]
    assert [claim.number for claim in claims] == [0, 1, 2]
    assert len({claim.config.training.learning_rate for claim in claims}) == 3
    assert study.claim(ExitStack()) is None
    assert other.claim(ExitStack()) is None


def test_suggestions_depend_on_the_seed_and_the_number(tmp_path: Path) -> None:
    def rates(name: str, seed: int) -> list[float]:
        study = study_of(tmp_path / name, sampler_seed=seed)
        claims = [claimed(study) for _ in range(3)]  # a released claim is given again
        return [claim.config.training.learning_rate for claim in claims]

    assert rates("a", 0) == rates("b", 0) != rates("c", 1)


@pytest.mark.parametrize(("pruner", "rounds"), [("median", 2), ("none", 4)])
def test_a_trial_worse_than_the_median_is_pruned_after_a_quarter(tmp_path: Path, pruner: str, rounds: int) -> None:
    study = study_of(tmp_path / "study", trials=8, pruner=pruner, rounds=8)
    for _ in range(5):
        assert played(study, CURVES["good"]) == 4
    assert played(study, CURVES["bad"]) == rounds
    assert played(study, CURVES["good"]) == 4
    assert study.trials[5].state == (TrialState.PRUNED if pruner == "median" else TrialState.COMPLETE)


def test_hyperband_prunes_most_bad_trials_and_keeps_the_best(tmp_path: Path) -> None:
    study = study_of(tmp_path / "study", trials=20, pruner="hyperband", rounds=4)
    given = [played(study, [value + index for value in CURVES["good"]]) for index in range(20)]
    assert given[0] == 4
    assert sum(rounds < 4 for rounds in given) >= 10
    best = study.best_trial()
    assert best is not None
    assert best.number == 0


def test_a_trial_without_a_process_is_resumed(study: Study) -> None:
    gone = Held(study)
    gone.claim.report(1, 30.0)
    gone.let_go()
    other = Study(study.directory, study.settings)
    claim = claimed(other)
    assert claim.number == gone.claim.number
    assert claim.config == gone.claim.config
    claim.report(1, 30.0)  # repeated, but not reported twice
    claim.report(2, 20.0)
    other.end(claim, Outcome("complete", 20.0))
    assert study.trials[0].intermediate_values == {1: 30.0, 2: 20.0}


def test_a_claim_does_not_wait_for_trials_of_others(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    claimed(study)
    locked: list[Path] = []

    def remember(root: Path) -> AbstractContextManager[None]:
        locked.append(root)
        return run_lock(root)

    monkeypatch.setattr(study_module, "run_lock", remember)
    assert claimed(study).number == 1
    assert locked == [study.directory.trial(1).root]


def test_a_killed_process_releases_its_trial(study: Study) -> None:
    script = (
        "import contextlib, os, sys, pathlib\n"
        "from nextword.training.tuning.study_settings import read_study\n"
        "from nextword.training.tuning.study import Study\n"
        "from nextword.training.tuning.study_settings import StudyDirectory\n"
        "directory = StudyDirectory(pathlib.Path(sys.argv[1]))\n"
        "Study(directory, read_study(directory.study_file)[0]).claim(contextlib.ExitStack())\n"
        "os.kill(os.getpid(), 9)\n"
    )
    study.directory.study_file.write_text(SETTINGS.to_toml(text_sha256=""), encoding="utf-8")
    died = subprocess.run([sys.executable, "-c", script, str(study.directory.root)], check=False)
    assert died.returncode == -9
    assert [trial.state for trial in study.trials] == [TrialState.RUNNING]
    assert claimed(study).number == 0


def test_a_trial_that_repeatedly_ends_its_process_fails(study: Study) -> None:
    for _ in range(3):
        held = Held(study)
        assert held.claim.number == 0
        held.let_go()
    assert claimed(study).number == 1
    assert study.trials[0].state == TrialState.FAIL
    assert "its process ended 3 times" in study.trials[0].user_attrs["why"]


def test_a_trial_that_progresses_does_not_fail(study: Study) -> None:
    for round_number in range(1, 6):
        held = Held(study)
        assert held.claim.number == 0
        held.claim.report(round_number, 10.0)
        held.let_go()


def test_settings_that_do_not_fit_together_are_a_failed_trial(tmp_path: Path) -> None:
    search = {"model": {"mixture_size": {"choices": [1, 2]}}, "training": {"sampled_softmax": {"choices": [4, 5, 6]}}}
    settings = StudySettings(SweepOptions(trials=12), "story.txt", BASE, search)
    study = Study(StudyDirectory(tmp_path), settings)
    numbers = []
    while claim := study.claim(ExitStack()):
        numbers.append(claim.number)
        study.end(claim, Outcome("complete", 5.0))
    failed = [trial for trial in study.trials if trial.state == TrialState.FAIL]
    assert len(numbers) + len(failed) == 12
    assert failed
    assert all("`sampled_softmax` needs a single softmax" in trial.user_attrs["why"] for trial in failed)


def test_checkpoints_are_deleted_by_default(study: Study) -> None:
    for keep in (False, True):
        claim = claimed(study)
        checkpoints = study.directory.trial(claim.number).checkpoints
        checkpoints.mkdir()
        study.end(claim, Outcome("complete", 5.0), keep_checkpoints=keep)
        assert checkpoints.exists() is keep


def test_the_best_is_the_first_with_the_lowest_perplexity(study: Study) -> None:
    assert study.best_trial() is None
    bests = [ended(study, Outcome("complete", perplexity))[1] for perplexity in (5.0, 4.0, 4.0)]
    assert bests == [True, True, False]


def test_importances_need_ten_trials(tmp_path: Path) -> None:
    search = {**SETTINGS.search, "batching": {"batch_size": {"choices": [2, 4]}}}
    options = SETTINGS.options.replace(trials=12)
    study = Study(StudyDirectory(tmp_path), replace(SETTINGS, search=search, options=options))
    for _ in range(12):
        assert study.importances() == {} or len(study.trials) > 9
        claim = claimed(study)
        study.end(claim, Outcome("complete", claim.config.training.learning_rate))
    importances = study.importances()
    assert sum(importances.values()) == pytest.approx(1.0)
    assert importances["training.learning_rate"] > importances["batching.batch_size"]


def test_whole_numbers_can_be_choices_of_a_float_setting(tmp_path: Path) -> None:
    searched = {"choices": [1, 2, 4]}
    for epochs in (2.0, 2.5):
        own = replace(BASE, training=BASE.training.replace(epochs=epochs))
        study = Study(
            StudyDirectory(tmp_path / str(epochs)),
            replace(SETTINGS, base=own, search={"training": {"epochs": searched}}),
        )
        tried = claimed(study).config.training.epochs
        assert tried in ((2.0,) if epochs == 2.0 else (1.0, 2.0, 4.0))


def test_a_study_has_no_base() -> None:
    settings = replace(SETTINGS, base=replace(BASE, training=BASE.training.replace(base="austen")))
    with pytest.raises(SettingError, match="`base` must not be set in a study"):
        _ = settings.space


def test_a_trial_ended_by_another_machine_is_released(study: Study) -> None:
    claim = claimed(study)
    assert not claim.report(1, 20.0)
    Study(study.directory, study.settings)._tell(claim.number, Outcome("complete", 10.0))
    assert claim.report(2, 19.0)
    assert study.end(claim, Outcome("pruned", why="ended after round 2"))
    assert [(trial.state, trial.value) for trial in study.trials] == [(TrialState.COMPLETE, 10.0)]


@pytest.mark.parametrize("part", [b"{", b'{"op_code":4,"worker', b"\xff\0"], ids=str)
def test_a_study_resumes_after_a_partial_line(study: Study, part: bytes) -> None:
    """Optuna alone would append the next line to the partial one, and could read neither."""
    ended(study, Outcome("complete", 5.0))
    with study.directory.journal.open("ab") as file:
        file.write(part)
    again = Study(study.directory, study.settings)
    assert [trial.value for trial in again.trials] == [5.0]
    assert claimed(again).number == 1
    assert len(Study(study.directory, study.settings).trials) == 2
    assert not list(study.directory.root.glob("journal.log?*"))


def test_a_copied_study_can_be_resumed(study: Study, tmp_path: Path) -> None:
    ended(study, Outcome("complete", 5.0))
    running = claimed(study)
    (tmp_path / "copy").mkdir()
    shutil.copy(study.directory.journal, tmp_path / "copy")
    copy = Study(StudyDirectory(tmp_path / "copy"), study.settings)
    assert [trial.value for trial in copy.trials] == [5.0, None]
    assert claimed(copy).config == running.config


def sampled_study(seed: int) -> optuna.Study:
    return optuna.create_study(sampler=NumberedSampler(seed, {"x": 0.5}))


def values(trial: optuna.Trial) -> tuple[float, str]:
    return trial.suggest_float("x", 0, 1), trial.suggest_categorical("y", ["a", "b", "c"])


def sampled_trials(seed: int, trials: int = 14) -> list[tuple[float, str]]:
    study = sampled_study(seed)
    found = []
    for _ in range(trials):
        trial = study.ask()
        found.append(values(trial))
        study.tell(trial, found[-1][0])
    return found


def test_values_follow_from_the_seed_and_the_number() -> None:
    assert sampled_trials(0) == sampled_trials(0) != sampled_trials(1)


def test_the_order_in_which_trials_suggest_changes_nothing() -> None:
    forward, backward = sampled_study(0), sampled_study(0)
    first, second = ([study.ask() for _ in range(4)] for study in (forward, backward))
    assert [values(trial) for trial in first] == [values(trial) for trial in reversed(second)][::-1]
