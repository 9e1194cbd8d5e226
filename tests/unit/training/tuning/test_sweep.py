import shutil
import signal
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from optuna.trial import TrialState

from nextword.errors import CheckpointError, SettingError, StorageError, TextError, TrainingInterrupted
from nextword.settings import read_tables
from nextword.system.files import write_file
from nextword.training.config import RunConfig
from nextword.training.context import RunContext, TrainingObserver
from nextword.training.tuning import sweep
from nextword.training.tuning.database import Outcome
from nextword.training.tuning.study import Study
from nextword.training.tuning.study_settings import StudyDirectory, StudySettings, SweepOptions
from nextword.training.tuning.sweep import Sweep, open_study
from nextword.training.tuning.trial_run import Report, StudyText, TrialRun
from support.small_studies import SETTINGS


@pytest.fixture
def wanted(folder_without_test: Path, tmp_path: Path) -> StudySettings:
    shutil.copytree(folder_without_test, tmp_path / "text")
    return replace(SETTINGS, text=str(tmp_path / "text"))


@pytest.fixture
def directory(tmp_path: Path) -> StudyDirectory:
    return StudyDirectory(tmp_path / "study")


def test_a_study_is_started_joined_and_resumed(directory: StudyDirectory, wanted: StudySettings) -> None:
    begun, text = open_study(directory, wanted, RunContext())
    assert begun.settings == wanted
    content = directory.study_file.read_bytes()
    joined, same_text = open_study(directory, wanted, RunContext(), trials=9)
    assert joined.settings.options.trials == 9
    assert same_text.sha256 == text.sha256
    again, _ = open_study(directory, None, RunContext())
    assert again.settings == wanted
    assert directory.study_file.read_bytes() == content


def test_the_second_process_joins_the_study_of_the_first(
    directory: StudyDirectory, wanted: StudySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes start at the same time: both see no study, and one writes first."""
    other = replace(wanted, options=wanted.options.replace(rounds=5))
    load = StudyText.load

    def overtaken(*arguments: object, **named: object) -> object:
        monkeypatch.setattr(StudyText, "load", load)
        open_study(directory, other, RunContext())
        return load(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(StudyText, "load", overtaken)
    with pytest.raises(SettingError, match=r"`study\.rounds` must stay 5, the value of the study, but is 4"):
        open_study(directory, wanted, RunContext())
    assert open_study(directory, None, RunContext())[0].settings == other


def test_resuming_needs_a_study(directory: StudyDirectory) -> None:
    with pytest.raises(CheckpointError, match=r"must be the directory of a study, but has no study\.toml; start one"):
        open_study(directory, None, RunContext())
    assert not directory.root.exists()


def test_a_text_that_has_changed_is_refused(directory: StudyDirectory, wanted: StudySettings) -> None:
    open_study(directory, wanted, RunContext())
    valid = Path(wanted.text, "valid.txt")
    valid.write_bytes(valid.read_bytes() + b"a cat\n")
    with pytest.raises(CheckpointError, match="has changed; restore it"):
        open_study(directory, None, RunContext())


@pytest.mark.parametrize(
    "change",
    [
        {"search": {"training": {"rate": {"low": 1, "high": 2}}}},
        {"text": "nowhere"},
        {"options": SweepOptions(storage="nonsense")},
    ],
)
def test_refused_settings_create_no_study(
    directory: StudyDirectory, wanted: StudySettings, change: dict[str, object]
) -> None:
    with pytest.raises((SettingError, StorageError, TextError)):
        open_study(directory, replace(wanted, **change), RunContext())  # type: ignore[arg-type]
    assert not directory.root.exists()


def test_machines_share_one_study_in_a_database(wanted: StudySettings, tmp_path: Path) -> None:
    shared = replace(wanted, options=wanted.options.replace(storage=f"sqlite:///{tmp_path}/study.db"))
    here, _ = open_study(StudyDirectory(tmp_path / "here"), shared, RunContext())
    again, _ = open_study(StudyDirectory(tmp_path / "here"), None, RunContext())
    there, _ = open_study(StudyDirectory(tmp_path / "there"), shared, RunContext())
    assert here.settings == again.settings == there.settings == shared
    other = replace(shared, options=shared.options.replace(rounds=5))
    with pytest.raises(SettingError, match="must have the same text and settings"):
        open_study(StudyDirectory(tmp_path / "elsewhere"), other, RunContext())


@dataclass(frozen=True)
class FakeRun:
    """Trains nothing: the perplexity of a trial depends on its learning rate."""

    context: RunContext
    before: Callable[[], object] = lambda: None
    seen: list[float] = field(default_factory=list)

    def train(self, config: RunConfig, root: Path, report: Report) -> Outcome:
        self.before()
        rate = config.training.learning_rate
        self.seen.append(rate)
        write_file(root / "config.toml", config.to_toml().encode())
        return Outcome("pruned", why="too slow") if report(1, 100 * rate) else Outcome("complete", 100 * rate)


@dataclass
class Said:
    lines: list[str] = field(default_factory=list)


def sweep_of(study: Study, said: Said, before: Callable[[], object] = lambda: None, **options: Any) -> Sweep:
    run = FakeRun(RunContext(say=said.lines.append), before)
    return Sweep(study, cast("TrialRun", run), lambda: nullcontext(TrainingObserver()), **options)


def test_all_trials_are_trained_and_the_best_is_written(study: Study) -> None:
    said = Said()
    sweep_of(study, said).work()
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 3
    best = study.best_trial()
    assert best is not None
    config = RunConfig.of("quick", read_tables(study.directory.best_file))
    assert 100 * config.training.learning_rate == best.value
    assert said.lines[0] == "trial 0: learning_rate 0.02"
    assert said.lines[1] == "trial 0: valid perplexity 2.00, the best so far"
    assert len(said.lines) == 6


def test_a_signal_between_trials_waits_for_the_study(study: Study) -> None:
    end = study.end

    def interrupted(*arguments: Any, **named: Any) -> bool:
        signal.raise_signal(signal.SIGINT)
        return end(*arguments, **named)

    study.end = interrupted  # type: ignore[method-assign]
    with pytest.raises(TrainingInterrupted):
        sweep_of(study, Said()).work()
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE]
    assert study.directory.best_file.exists()


@pytest.mark.parametrize("stop", [TrainingInterrupted(signal.SIGINT), KeyboardInterrupt()], ids=repr)
def test_an_interrupted_trial_is_next_and_does_not_fail(study: Study, stop: KeyboardInterrupt) -> None:
    def interrupt() -> None:
        raise stop

    for _ in range(5):
        with pytest.raises(KeyboardInterrupt):
            sweep_of(study, Said(), interrupt).work()
        assert [trial.state for trial in study.trials] == [TrialState.RUNNING]
    said = Said()
    sweep_of(study, said).work()
    assert said.lines[0] == "trial 0: learning_rate 0.02"
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 3


def test_an_unexpected_error_leaves_the_trial_to_be_resumed(study: Study) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        sweep_of(study, Said(), fail).work()
    sweep_of(study, Said()).work()
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 3


def test_another_process_writes_the_best_settings_after_a_kill(study: Study) -> None:
    sweep_of(study, Said()).work()
    written = study.directory.best_file.read_bytes()
    study.directory.best_file.unlink()
    sweep_of(study, Said()).work()
    assert study.directory.best_file.read_bytes() == written


def test_a_failing_database_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    shared = replace(SETTINGS, options=SETTINGS.options.replace(storage=f"sqlite:///{path}"))
    study = Study(StudyDirectory(tmp_path / "study"), shared)
    with pytest.raises(StorageError, match="check address, server, password and driver"):
        sweep_of(study, Said(), lambda: path.write_bytes(b"not a database" * 2**12)).work()


@pytest.mark.parametrize("is_lost", [True, False])
def test_a_process_without_work_waits_whether_another_machine_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_lost: bool
) -> None:
    path = tmp_path / "study.db"
    options = SETTINGS.options.replace(storage=f"sqlite:///{path}", trials=1, grace_seconds=60)
    shared = replace(SETTINGS, options=options)
    here, there = (Study(StudyDirectory(tmp_path / name), shared) for name in ("here", "there"))
    with ExitStack() as held:
        assert there.claim(held) is not None
    clock = [0.0]

    def sleep(seconds: float) -> None:
        clock[0] += seconds
        if is_lost:
            with sqlite3.connect(path) as connection:
                connection.execute("UPDATE trial_heartbeats SET heartbeat = '2001-01-01 00:00:00.000000'")
            connection.close()

    monkeypatch.setattr(sweep, "time", SimpleNamespace(sleep=sleep, monotonic=lambda: clock[0]))
    said = Said()
    sweep_of(here, said).work()
    assert said.lines[0].startswith("other machines work on the last trials; waiting 60 seconds")
    assert [line for line in said.lines if line.startswith("trial")] == (
        ["trial 1: learning_rate 0.02", "trial 1: valid perplexity 2.00, the best so far"] if is_lost else []
    )
    assert (60 <= clock[0] <= 70) != is_lost
