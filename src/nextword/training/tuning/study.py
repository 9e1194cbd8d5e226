"""A study: its trials, the next trial, and which process works on which trial.

The trials of one machine are stored in a journal file, and those of several machines in a database. A process holds a
lock on the run directory of its trial. The system releases the lock when the process ends for any reason, and another
process of the machine then resumes the trial from its checkpoint. If a machine stops sending Optuna's heartbeats, other
machines retry its trials.
"""

import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any, override

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.storages import BaseStorage, JournalStorage, fail_stale_trials
from optuna.storages._heartbeat import get_heartbeat_thread
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock
from optuna.trial import FrozenTrial, TrialState

from nextword.bundle.run_directory import is_in_use, run_lock
from nextword.errors import CheckpointError, SettingError
from nextword.system.files import disk_errors
from nextword.training.tuning.database import STATES, Claim, Database, Outcome
from nextword.training.tuning.dimension import Label
from nextword.training.tuning.study_settings import StudyDirectory, StudySettings

_NAME = "nextword"
_MAX_STARTS = 3
_MIN_TO_COMPARE = 10
_SURPLUS = "surplus"


class NumberedSampler(BaseSampler):
    """TPE with a random generator that follows from the number of a trial; trial 0 has given values.

    The database numbers the trials. Processes that ask for a trial at the same moment thus never get the same values.
    """

    def __init__(self, seed: int, first: Mapping[str, Label]) -> None:
        self._seed = seed
        self._first = first
        self._number: int | None = None
        self._sampler = TPESampler()

    @override
    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self._sampler_of(trial).infer_relative_search_space(study, trial)

    @override
    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return self._sampler_of(trial).sample_relative(study, trial, search_space)

    @override
    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        if trial.number == 0 and param_name in self._first:
            return self._first[param_name]
        return self._sampler_of(trial).sample_independent(study, trial, param_name, param_distribution)

    def _sampler_of(self, trial: FrozenTrial) -> TPESampler:
        if trial.number != self._number:
            seeds = np.random.SeedSequence([self._seed, trial.number])
            self._number, self._sampler = trial.number, TPESampler(seed=int(seeds.generate_state(1)[0]))
        return self._sampler


class Study:
    """The trials of a study, shared by all processes that work on it."""

    def __init__(self, directory: StudyDirectory, settings: StudySettings, database: Database | None = None) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.directory = directory
        self.settings = settings
        self.space = settings.space
        self.lock = directory.lock()
        self._database = database or settings.database
        with self.lock, self.database_errors():
            self._storage = self._opened()
            self._study = optuna.create_study(
                storage=self._storage,
                study_name=_NAME,
                sampler=NumberedSampler(settings.options.sampler_seed, self.space.base_labels()),
                pruner=make_pruner(settings),
                load_if_exists=True,
            )

    def database_errors(self) -> AbstractContextManager[None]:
        """Convert database errors in the block to `StorageError`; do nothing without a database."""
        return self._database.errors() if self._database is not None else nullcontext()

    def require_shared(self, text_sha256: str) -> None:
        """Raise `SettingError` if the study in the shared database has another text or other settings than this one."""
        identity = self.settings.identity(text_sha256)
        if "identity" not in self._study.user_attrs:
            self._study.set_user_attr("identity", identity)
        if self._study.user_attrs["identity"] != identity:
            raise SettingError(
                "all machines must have the same text and settings, but the study in the database of `--storage` has "
                "others; give the same, or another database"
            )

    @property
    def trials(self) -> list[FrozenTrial]:
        """The started trials as Optuna stores them; of a retried trial, only the last attempt."""
        every = self._study.get_trials(deepcopy=False)
        retried = {number for trial in every for number in trial.system_attrs.get("retry_history", [])}
        return [
            trial
            for trial in every
            if trial.state != TrialState.WAITING and trial.number not in retried and _SURPLUS not in trial.user_attrs
        ]

    @property
    def others_are_running(self) -> bool:
        """Whether a trial runs on another machine, whose process may end without completing it."""
        return self._database is not None and any(trial.state == TrialState.RUNNING for trial in self.trials)

    def values(self, number: int) -> dict[str, Any]:
        """Return the value of each dimension in a trial, by name."""
        labels = self._study.get_trials(deepcopy=False)[number].params
        domains = {dimension.name: dimension.domain for dimension in self.space.dimensions}
        return {name: domain.value(labels[name]) for name, domain in domains.items() if name in labels}

    def importances(self) -> dict[str, float]:
        """Return the importance of each dimension for the perplexity; empty before ten trials are complete."""
        complete = [trial for trial in self.trials if trial.state == TrialState.COMPLETE]
        return optuna.importance.get_param_importances(self._study) if len(complete) >= _MIN_TO_COMPARE else {}

    def claim(self, held: ExitStack) -> Claim | None:
        """Return a trial to work on: first one whose process has ended, then a new one; `None` if all are done."""
        with self.lock, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # heartbeats are marked experimental
            for trial in self.trials:
                # With a journal, all trials ran on this machine; with a database, those that have a directory here.
                ran_here = self._database is None or self.directory.trial(trial.number).root.is_dir()
                if (
                    trial.state == TrialState.RUNNING
                    and ran_here
                    and not is_in_use(self.directory.trial(trial.number).root)  # for the lock of a run one waits
                    and (claim := self._claimed(optuna.Trial(self._study, self._trial_id(trial.number)), held))
                ):
                    return claim
            fail_stale_trials(self._study)  # trials of other machines are retried as new trials
            while len(self.trials) < self.settings.options.trials:
                asked = self._study.ask()
                if self._is_surplus(asked):
                    break
                if claim := self._claimed(asked, held):
                    return claim
        return None

    def _is_surplus(self, asked: optuna.Trial) -> bool:
        """Return whether other machines have just begun the last trials, and end this one if they have."""
        numbers = [trial.number for trial in self.trials]
        if asked.number not in numbers[self.settings.options.trials :]:
            return False
        asked.set_user_attr(_SURPLUS, True)
        self._tell(asked.number, Outcome("failed"))
        return True

    def end(self, claim: Claim, outcome: Outcome, *, keep_checkpoints: bool = False) -> bool:
        """Record the outcome of a trial, and return whether it is the best so far."""
        directory = self.directory.trial(claim.number)
        with self.lock:
            if outcome.why:
                claim.note("why", outcome.why)
            if self._database is not None and outcome.kind == "complete":
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
        """Return the resolved settings of the best trial as TOML, from any machine."""
        config = best.user_attrs.get("config")
        return config or self.directory.trial(best.number).config_file.read_text(encoding="utf-8")

    def _claimed(self, trial: optuna.Trial, held: ExitStack) -> Claim | None:
        try:
            held.enter_context(run_lock(self.directory.trial(trial.number).root))
        except CheckpointError:  # another process works on it
            return None
        reported = self._study.get_trials(deepcopy=False)[trial.number].intermediate_values
        before, rounds = trial.user_attrs, len(reported)
        starts = 1 + (before.get("starts", 0) if before.get("rounds") == rounds else 0)
        try:
            if starts > _MAX_STARTS:
                raise SettingError(f"its process ended {_MAX_STARTS} times without completing another round")
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

    def _opened(self) -> BaseStorage:
        if self._database is None:
            return open_journal(self.directory.journal)
        return self._database.open(grace_seconds=self.settings.options.grace_seconds, max_retries=_MAX_STARTS - 1)

    def _trial_id(self, number: int) -> int:
        study_id = self._storage.get_study_id_from_name(_NAME)
        return self._storage.get_trial_id_from_study_id_trial_number(study_id, number)

    def _tell(self, number: int, outcome: Outcome) -> None:
        # Another machine may have ended the trial because of a missing heartbeat.
        self._study.tell(number, outcome.perplexity, state=STATES[outcome.kind], skip_if_finished=True)


def open_journal(path: Path) -> BaseStorage:
    """Return the journal file of one machine, without a partial last line.

    Each line is written by one call and then synced. A killed process leaves no partial line, but a power failure may.
    Optuna would append the next line to it and could read neither. No process has used a partial line, so it is cut.
    """
    lock = JournalFileSymlinkLock(str(path))
    with _journal_errors(path):
        backend = _Journal(str(path), lock_obj=lock)
        lock.acquire()
        try:
            with path.open("rb+") as file:
                file.truncate(file.read().rfind(b"\n") + 1)
        finally:
            lock.release()
    return JournalStorage(backend)


class _Journal(JournalFileBackend):
    """A journal whose disk errors are errors for the user."""

    @override
    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        with _journal_errors(Path(self._file_path)):
            super().append_logs(logs)


@contextmanager
def _journal_errors(path: Path) -> Iterator[None]:
    with disk_errors(path, "written"):
        try:
            yield
        except RuntimeError as error:  # Optuna raises it because of an error of the disk, if it releases its lock
            raise error.__context__ if isinstance(error.__context__, OSError) else error from None


def make_pruner(settings: StudySettings) -> optuna.pruners.BasePruner:
    """Return the pruner of a study; its steps are the rounds of a trial."""
    rounds = settings.options.rounds
    if settings.options.pruner == "median":
        return optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=max(1, rounds // 4))
    if settings.options.pruner == "hyperband":
        return optuna.pruners.HyperbandPruner(min_resource=1, max_resource=rounds, reduction_factor=3)
    return optuna.pruners.NopPruner()
