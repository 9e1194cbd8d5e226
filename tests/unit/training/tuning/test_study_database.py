"""A study in a database; two directories simulate two machines."""

import subprocess
import sys
import tomllib
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from optuna.storages import RDBStorage
from optuna.trial import TrialState
from sqlalchemy import Engine, text

from nextword.errors import SettingError, StorageError
from nextword.training.tuning import database as database_module
from nextword.training.tuning.database import Claim, Database, Outcome
from nextword.training.tuning.study import Study
from nextword.training.tuning.study_settings import StudyDirectory, StudySettings
from support.postgresql import PASSWORD, Server
from support.small_studies import SETTINGS
from support.waiting import wait_until

PROCESS = """
import contextlib, pathlib, sys
from nextword.training.tuning.database import Outcome
from nextword.training.tuning.database import Database
from nextword.training.tuning.study import Study
from nextword.training.tuning.study_settings import StudyDirectory, read_study

settings, _ = read_study(pathlib.Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
study = Study(StudyDirectory(pathlib.Path(sys.argv[2])), settings)
claims = []
with contextlib.ExitStack() as held:
    while claim := study.claim(held):
        claims.append(claim)
    print("claimed", flush=True)
    sys.stdin.readline()
    for claim in claims:
        study.end(claim, Outcome("pruned", why="enough"))
        print(claim.number, claim.config.training.learning_rate)
"""
"""Opens the database and takes all trials that it gets, both when it is told to."""


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

    def forget(self, claim: Claim) -> None:
        """Let the last heartbeat of a trial be long ago."""
        command = text("UPDATE trial_heartbeats SET heartbeat = '2001-01-01 00:00:00.000000' WHERE trial_id = :id")
        with self._engine.begin() as connection:
            connection.execute(command, {"id": claim._trial._trial_id})

    def heartbeat(self, claim: Claim) -> object:
        """Return the time of the last heartbeat of a trial."""
        command = text("SELECT heartbeat FROM trial_heartbeats WHERE trial_id = :id")
        with self._engine.begin() as connection:
            return connection.execute(command, {"id": claim._trial._trial_id}).scalar()

    @property
    def _engine(self) -> Engine:
        storage = self.study._storage
        assert isinstance(storage, RDBStorage)
        return storage.engine

    def stop(self) -> None:
        """End the process: its locks are free, its heartbeat stops."""
        self.held.close()
        self.study = Study(self.directory, self.settings)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/study.db"
    server: Server = request.getfixturevalue("postgresql")
    return server.new_database()


@pytest.fixture
def shared(url: str) -> StudySettings:
    return replace(SETTINGS, options=SETTINGS.options.replace(storage=url, grace_seconds=3600))


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


def test_the_trial_of_a_lost_machine_is_retried_by_another(machine: Callable[..., Machine]) -> None:
    here, there = machine("here"), machine("there")
    gone = there.claim()
    gone.report(1, 9.0)
    there.held.close()
    other = here.claim()
    assert other.number == 1
    here.forget(gone)
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


def test_a_machine_resumes_its_own_trial_after_any_pause(machine: Callable[..., Machine]) -> None:
    here = machine("here")
    stopped = here.claim()
    here.stop()
    here.forget(stopped)
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
def test_a_database_that_cannot_be_opened_is_refused(tmp_path: Path, url: str) -> None:
    shared = replace(SETTINGS, options=SETTINGS.options.replace(storage=url))
    with pytest.raises(StorageError, match="`--storage` must be the SQLAlchemy URL of a reachable database"):
        Study(StudyDirectory(tmp_path), shared)


@pytest.mark.slow
def test_machines_that_start_at_the_same_moment_divide_the_trials(shared: StudySettings, tmp_path: Path) -> None:
    """The database is empty, so all create its tables, its study and its first trials at once."""
    settings = replace(shared, options=shared.options.replace(trials=6, grace_seconds=60))
    path = tmp_path / "study.toml"
    path.write_text(settings.to_toml(text_sha256=""), encoding="utf-8")
    commands = [[sys.executable, "-c", PROCESS, str(path), str(tmp_path / str(number))] for number in range(4)]
    with ExitStack() as stack:
        processes = [
            stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
            for command in commands
        ]
        for word in ("ready", "claimed"):
            for process in processes:
                assert process.stdout is not None
                assert process.stdout.readline().strip() == word
            for process in processes:
                assert process.stdin is not None
                process.stdin.write("\n")
                process.stdin.flush()
        lines = [line.split() for process in processes for line in process.communicate(timeout=120)[0].splitlines()]
    assert len(lines) == len({number for number, _ in lines}) == len({rate for _, rate in lines}) == 6
    assert {float(rate) for number, rate in lines if number == "0"} == {shared.base.training.learning_rate}
    trials = Study(StudyDirectory(tmp_path / "study"), settings).trials
    assert [str(trial.number) for trial in trials] == sorted((number for number, _ in lines), key=int)


def test_a_trial_too_many_is_ended_and_not_shown(
    machine: Callable[..., Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another machine begins the last trial between the count of the trials and the request for one."""
    here, there = machine("here"), machine("there")
    for _ in range(2):
        here.claim()
    ask = there.study._study.ask

    def overtaken() -> optuna.Trial:
        here.claim()
        return ask()

    monkeypatch.setattr(there.study._study, "ask", overtaken)
    assert there.study.claim(there.held) is None
    assert [trial.number for trial in there.study.trials] == [0, 1, 2]


def test_a_sweep_outlives_the_end_of_all_connections_and_a_missed_heartbeat(
    postgresql: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a server that restarts does to its clients."""
    url = postgresql.new_database()
    shared = replace(SETTINGS, options=SETTINGS.options.replace(storage=url, grace_seconds=3600))
    monkeypatch.setattr(database_module, "_BEATS", 3600)  # one a second
    missed: list[int] = []
    record = RDBStorage.record_heartbeat

    def recorded(storage: RDBStorage, trial_id: int) -> None:
        try:
            record(storage, trial_id)
        except Exception:
            missed.append(trial_id)
            raise

    monkeypatch.setattr(RDBStorage, "record_heartbeat", recorded)
    here, there = Machine(tmp_path / "here", shared), Machine(tmp_path / "there", shared)
    with here.held, there.held:
        claim = here.claim()
        postgresql.refuse_clients(url)
        with pytest.raises(StorageError, match="not currently accepting"), here.study.database_errors():
            claim.report(1, 9.0)
        wait_until(lambda: bool(missed))
        postgresql.accept_clients(url)
        claim.report(1, 9.0)
        before = here.heartbeat(claim)
        wait_until(lambda: here.heartbeat(claim) != before)
        assert there.claim().number == 1
        here.complete(claim, 4.0)


def test_a_refused_password_is_not_shown(postgresql: Server, tmp_path: Path) -> None:
    database = Database.of(postgresql.new_database().replace(PASSWORD, "wrong-" + PASSWORD))
    shared = replace(SETTINGS, options=SETTINGS.options.replace(storage=database.address))
    with pytest.raises(StorageError, match="password authentication failed") as refused:
        Study(StudyDirectory(tmp_path), shared, database)
    assert PASSWORD not in "".join(traceback.format_exception(refused.value))
