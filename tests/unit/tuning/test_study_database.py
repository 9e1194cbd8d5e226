"""A study in a database; two directories simulate two machines."""

import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from optuna.trial import TrialState

from nextword.errors import SettingError, StorageError
from nextword.tuning import study as study_module
from nextword.tuning.claim import Claim, Outcome
from nextword.tuning.study import Study
from nextword.tuning.study_settings import StudyDirectory, StudySettings


class Machine:
    """A separate directory with one process."""

    def __init__(self, root: Path, settings: StudySettings) -> None:
        self.directory = StudyDirectory(root)
        self.settings = settings
        self.held = ExitStack()
        self.study = Study(self.directory, settings)

    def claim(self) -> Claim:
        claim = self.study.claim(self.held)
        assert claim is not None
        return claim

    def complete(self, claim: Claim, perplexity: float) -> None:
        """Do what the training run of a trial does."""
        config_file = self.directory.trial(claim.number).config_file
        config_file.write_text(claim.config.to_toml(), encoding="utf-8")
        self.study.end(claim, Outcome("complete", perplexity))

    def stop(self) -> None:
        """End the process: its locks are free, its heartbeat stops."""
        self.held.close()
        self.study = Study(self.directory, self.settings)


@pytest.fixture
def shared(settings: StudySettings, tmp_path: Path) -> StudySettings:
    return replace(settings, options=settings.options.replace(storage=f"sqlite:///{tmp_path}/study.db"))


@pytest.fixture
def machine(shared: StudySettings, tmp_path: Path) -> Iterator[Callable[..., Machine]]:
    with ExitStack() as stack:

        def made(name: str, settings: StudySettings = shared) -> Machine:
            machine = Machine(tmp_path / name, settings)
            stack.enter_context(machine.held)
            return machine

        yield made


def test_machines_share_the_trials_and_the_best(machine: Callable[..., Machine]) -> None:
    here, there = machine("here"), machine("there")
    claims = [(each, each.claim()) for each in (here, there, here)]
    assert [claim.number for _, claim in claims] == [0, 1, 2]
    assert len({claim.config.training.learning_rate for _, claim in claims}) == 3
    assert there.study.claim(there.held) is None
    for (each, claim), perplexity in zip(claims, (5.0, 3.0, 4.0), strict=True):
        each.complete(claim, perplexity)
    best = here.study.best_trial()
    assert best is not None
    assert best.number == 1
    rate = tomllib.loads(here.study.best_config(best))["training"]["learning_rate"]
    assert rate == claims[1][1].config.training.learning_rate


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study_module, "_HEARTBEAT_SECONDS", 1)
    monkeypatch.setattr(study_module, "_GRACE_SECONDS", 1)


@pytest.mark.usefixtures("impatient")
def test_the_trial_of_a_lost_machine_is_retried_by_another(machine: Callable[..., Machine]) -> None:
    here, there = machine("here"), machine("there")
    gone = there.claim()
    gone.report(1, 9.0)
    there.held.close()
    other = here.claim()
    assert other.number == 1
    time.sleep(3)  # the database counts whole seconds
    again = here.claim()
    assert again.number == 2
    assert again.config == gone.config
    assert [trial.number for trial in here.study.trials] == [1, 2]
    assert gone.report(2, 8.0)  # a machine that was only asleep releases its trial
    here.complete(again, 4.0)
    here.complete(other, 5.0)
    assert here.claim().number == 3
    assert here.study.claim(here.held) is None
    states = [trial.state for trial in here.study.trials]
    assert states == [TrialState.COMPLETE, TrialState.COMPLETE, TrialState.RUNNING]


@pytest.mark.usefixtures("impatient")
def test_a_machine_resumes_its_own_trial_after_any_pause(
    machine: Callable[..., Machine],
) -> None:
    here = machine("here")
    stopped = here.claim()
    here.stop()
    time.sleep(3)
    assert here.claim().number == stopped.number == 0


def test_machines_with_other_text_or_settings_are_refused(
    machine: Callable[..., Machine], shared: StudySettings
) -> None:
    here, there = machine("here"), machine("there")
    here.study.require_shared("ab")
    there.study.require_shared("ab")
    with pytest.raises(SettingError, match="must have the same text and settings"):
        there.study.require_shared("cd")
    search = {"training": {"learning_rate": {"choices": [0.1, 0.2]}}}
    other = machine("there", replace(shared, search=search))
    with pytest.raises(SettingError, match="must have the same text and settings"):
        other.study.require_shared("ab")
    elsewhere = replace(shared, text="/home/other/story.txt", options=shared.options.replace(trials=9))
    machine("there", elsewhere).study.require_shared("ab")


@pytest.mark.parametrize("url", ["nonsense", "sqlite:////nowhere/study.db", "oracle://host/study"])
def test_a_database_that_cannot_be_opened_is_refused(settings: StudySettings, tmp_path: Path, url: str) -> None:
    shared = replace(settings, options=settings.options.replace(storage=url))
    with pytest.raises(StorageError, match="`--storage` must be the SQLAlchemy URL of a reachable database"):
        Study(StudyDirectory(tmp_path), shared)
