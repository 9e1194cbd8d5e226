"""A study: which trials there were, which comes next, and which process works on which.

A journal file keeps the trials of one machine, a database those of several. A process holds a lock on the run directory
of its trial, which the system releases when the process ends, however it ends: the next process that looks for work
continues the trial from its checkpoint. The trials of a machine that is gone are retried by the others, as Optuna's
heartbeats tell.
"""

import shutil
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage, RetryHeartbeatStaleTrialCallback, fail_stale_trials
from optuna.storages._heartbeat import get_heartbeat_thread
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock
from optuna.trial import FrozenTrial, TrialState

from nextword.errors import CheckpointError, SettingError, StorageError
from nextword.training.run_directory import run_lock
from nextword.tuning.claim import STATES, Claim, Outcome
from nextword.tuning.study_settings import StudyDirectory, StudySettings

_NAME = "nextword"
_MOST_STARTS = 3
_FEWEST_TO_COMPARE = 10
_HEARTBEAT_SECONDS = 30
_GRACE_SECONDS = 120


class Study:
    """The trials of a study, shared with all other processes that work on it.

    Args:
        directory: Where the runs of its trials are.
        settings: What it is.

    Attributes:
        lock: Held by the process that changes what belongs to no trial alone.

    Raises:
        StorageError: The database cannot be used.
    """

    def __init__(self, directory: StudyDirectory, settings: StudySettings) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.directory = directory
        self.settings = settings
        self.space = settings.space
        self.lock = directory.lock()
        url = settings.options.storage
        with self.lock, database_errors(url):
            self._storage = open_journal(directory.journal) if url is None else open_database(url)
            self._study = optuna.create_study(
                storage=self._storage, study_name=_NAME, pruner=make_pruner(settings), load_if_exists=True
            )
            if not self._study.get_trials(deepcopy=False):
                self._study.enqueue_trial(self.space.own_labels(), skip_if_exists=True)

    def require_shared(self, text_sha256: str) -> None:
        """Raise if the machines that share the study's database do not agree on what the study is.

        Raises:
            SettingError: It was begun with another text or other settings.
        """
        identity = self.settings.identity(text_sha256)
        if "identity" not in self._study.user_attrs:
            self._study.set_user_attr("identity", identity)
        if self._study.user_attrs["identity"] != identity:
            raise SettingError(
                "all machines must work on one study, but the one in the database of `--storage` was begun with "
                "another text or other settings; give the same, or name another database"
            )

    @property
    def trials(self) -> list[FrozenTrial]:
        """The trials that have begun, as Optuna keeps them; of one that was retried, the last attempt alone."""
        every = self._study.get_trials(deepcopy=False)
        retried = {number for trial in every for number in trial.system_attrs.get("retry_history", [])}
        return [trial for trial in every if trial.state != TrialState.WAITING and trial.number not in retried]

    def values(self, number: int) -> dict[str, Any]:
        """Return the value that each dimension has in a trial, by name."""
        labels = self._study.get_trials(deepcopy=False)[number].params
        domains = {dimension.name: dimension.domain for dimension in self.space.dimensions}
        return {name: domain.value(labels[name]) for name, domain in domains.items() if name in labels}

    def importances(self) -> dict[str, float]:
        """Return the share of each dimension in what makes a trial good; empty before ten trials are complete."""
        complete = [trial for trial in self.trials if trial.state == TrialState.COMPLETE]
        return optuna.importance.get_param_importances(self._study) if len(complete) >= _FEWEST_TO_COMPARE else {}

    def claim(self, held: ExitStack) -> Claim | None:
        """Return a trial to work on: one whose process is gone, else a new one while more are wanted, else `None`.

        Args:
            held: Keeps other processes away from the trial until it is closed.
        """
        with self.lock, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # heartbeats are marked experimental
            for trial in self.trials:
                # In a journal all trials ran on this machine, in a database those that have a directory here.
                ran_here = self.settings.options.storage is None or self.directory.trial(trial.number).root.is_dir()
                if trial.state == TrialState.RUNNING and ran_here:
                    self._study.sampler = _sampler(self.settings, trial.number)
                    if claim := self._claimed(optuna.Trial(self._study, self._trial_id(trial.number)), held):
                        return claim
            fail_stale_trials(self._study)  # another machine's, which become new trials
            while len(self.trials) < self.settings.options.trials:
                every = self._study.get_trials(deepcopy=False)
                number = next((trial.number for trial in every if trial.state == TrialState.WAITING), len(every))
                self._study.sampler = _sampler(self.settings, number)
                if claim := self._claimed(self._study.ask(), held):
                    return claim
        return None

    def end(self, claim: Claim, outcome: Outcome, *, keep_checkpoints: bool = False) -> bool:
        """Record how a trial ended, and return whether it is the best so far."""
        directory = self.directory.trial(claim.number)
        with self.lock:
            if outcome.why:
                claim.note("why", outcome.why)
            if self.settings.options.storage is not None and outcome.kind == "complete":
                claim.note("config", directory.config_file.read_text(encoding="utf-8"))
            self._tell(claim.number, outcome)
            best = self.best_trial()
            is_best = best is not None and best.number == claim.number
        if not keep_checkpoints:
            shutil.rmtree(directory.checkpoints, ignore_errors=True)
        return is_best

    def best_trial(self) -> FrozenTrial | None:
        """Return the complete trial with the lowest perplexity, or `None` if there is none."""
        complete = [trial for trial in self.trials if trial.state == TrialState.COMPLETE]
        return min(complete, key=lambda trial: (trial.value, trial.number), default=None)

    def best_config(self, best: FrozenTrial) -> str:
        """Return the resolved settings of the best trial as TOML, whichever machine trained it."""
        config = best.user_attrs.get("config")
        return config or self.directory.trial(best.number).config_file.read_text(encoding="utf-8")

    def _claimed(self, trial: optuna.Trial, held: ExitStack) -> Claim | None:
        try:
            held.enter_context(run_lock(self.directory.trial(trial.number).root))
        except CheckpointError:  # its process is at work
            return None
        reported = self._study.get_trials(deepcopy=False)[trial.number].intermediate_values
        before, rounds = trial.user_attrs, len(reported)
        starts = 1 + (before.get("starts", 0) if before.get("rounds") == rounds else 0)
        try:
            if starts > _MOST_STARTS:
                raise SettingError(f"begun {_MOST_STARTS} times, its process ended each time without another round")
            config = self.space.suggest(trial)
        except SettingError as error:
            trial.set_user_attr("why", str(error))
            self._tell(trial.number, Outcome("failed"))
            return None
        heartbeat = get_heartbeat_thread(self._trial_id(trial.number), self._storage)
        heartbeat.start()
        held.callback(heartbeat.join)
        claim = Claim(trial, config, reported)
        claim.note("starts", starts)
        claim.note("rounds", rounds)
        return claim

    def _trial_id(self, number: int) -> int:
        study_id = self._storage.get_study_id_from_name(_NAME)
        return self._storage.get_trial_id_from_study_id_trial_number(study_id, number)

    def _tell(self, number: int, outcome: Outcome) -> None:
        # Another machine may have taken its process for dead, and have ended the trial.
        self._study.tell(number, outcome.perplexity, state=STATES[outcome.kind], skip_if_finished=True)


def open_journal(path: Path) -> BaseStorage:
    """Return the storage of one machine, a file of lines; what follows its last line end is cut off.

    A line is written by one call and then synced. A process that is killed leaves no part of one, but a machine that
    loses its power may. Optuna appends the next line to the part and then cannot read either; nobody acted on a part.
    """
    lock = JournalFileSymlinkLock(str(path))
    backend = JournalFileBackend(str(path), lock_obj=lock)
    lock.acquire()
    try:
        with path.open("rb+") as file:
            file.truncate(file.read().rfind(b"\n") + 1)
    finally:
        lock.release()
    return JournalStorage(backend)


def open_database(url: str) -> BaseStorage:
    """Return the storage of several machines, a database; trials whose heartbeat stops are retried.

    Raises:
        StorageError: It cannot be used.
    """
    with database_errors(url), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # heartbeats are marked experimental
        return RDBStorage(
            url,
            heartbeat_interval=_HEARTBEAT_SECONDS,
            grace_period=_GRACE_SECONDS,
            heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(max_retry=_MOST_STARTS - 1),
        )


@contextmanager
def database_errors(url: str | None) -> Iterator[None]:
    """Turn an error of the database into one for the user; without a database, do nothing.

    Raises:
        StorageError: In place of the database's own.
    """
    if url is None:
        yield
        return
    from sqlalchemy.exc import SQLAlchemyError  # slow to import, and no journal needs it

    try:
        yield
    except (SQLAlchemyError, StorageInternalError, ImportError) as error:
        why = str(error).splitlines()[0]
        raise StorageError(
            f"`--storage` must be the SQLAlchemy URL of a database that can be used, but: {why}; "
            "check its address and server, and its driver, such as psycopg for PostgreSQL"
        ) from error


def make_pruner(settings: StudySettings) -> optuna.pruners.BasePruner:
    """Return the pruner that a study asks for; a step, to it, is one of the rounds of a trial."""
    rounds = settings.options.rounds
    if settings.options.pruner == "median":
        return optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=max(1, rounds // 4))
    if settings.options.pruner == "hyperband":
        return optuna.pruners.HyperbandPruner(min_resource=1, max_resource=rounds, reduction_factor=3)
    return optuna.pruners.NopPruner()


def _sampler(settings: StudySettings, number: int) -> optuna.samplers.BaseSampler:
    """Return the sampler of one trial: from its number on, whichever process asks, so that no two begin alike."""
    seeds = np.random.SeedSequence([settings.options.sampler_seed, number])
    return optuna.samplers.TPESampler(seed=int(seeds.generate_state(1)[0]))
