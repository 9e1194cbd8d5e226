"""A study on disk: which trials there were, which comes next, and who is at work on which."""

import platform
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, TrialState

from nextword.errors import CheckpointError, SettingError
from nextword.training.run_directory import RunLock
from nextword.tuning.claim import Claim, Heartbeat, Outcome, SilenceWatch
from nextword.tuning.study_settings import StudyDirectory, StudySettings

_NAME = "nextword"
_MOST_STARTS = 3
_FEWEST_TO_COMPARE = 10


def drop_torn_line(journal: Path, lock: JournalFileOpenLock) -> bool:
    """Cut off what follows the last line end, and return whether there was something.

    A line is written by one call and then synced, so that a process that is killed tears none; a machine that loses
    its power may. Optuna cannot read on after half a line, and what it said was never acted on.
    """
    lock.acquire()
    try:
        if not journal.exists():
            return False
        with journal.open("rb+") as file:
            content = file.read()
            kept = content.rfind(b"\n") + 1
            file.truncate(kept)
        return kept < len(content)
    finally:
        lock.release()


class Study:
    """The trials of a study, shared with all other processes that are at work in its directory.

    Args:
        directory: Where it lies.
        settings: What it is.

    Attributes:
        lock: Held by whoever changes what belongs to no trial alone.
    """

    def __init__(self, directory: StudyDirectory, settings: StudySettings) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.directory = directory
        self.settings = settings
        self.space = settings.space
        self.is_undecided = False
        self._watch = SilenceWatch()
        self.lock = directory.lock()
        path = str(directory.journal)
        # A lock file is understood by every machine; a link, Optuna's default, would name a path of this one.
        drop_torn_line(directory.journal, JournalFileOpenLock(path))
        self._storage = JournalStorage(JournalFileBackend(path, lock_obj=JournalFileOpenLock(path)))
        with self.lock:
            self._study = optuna.create_study(
                storage=self._storage, study_name=_NAME, pruner=make_pruner(settings), load_if_exists=True
            )
            if not self._study.get_trials(deepcopy=False):
                self._study.enqueue_trial(self.space.own_labels())

    @property
    def trials(self) -> list[FrozenTrial]:
        """The trials that have begun, as Optuna keeps them."""
        return [trial for trial in self._study.get_trials(deepcopy=False) if trial.state != TrialState.WAITING]

    def values(self, number: int) -> dict[str, Any]:
        """Return the value that each dimension has in a trial, by name."""
        labels = self._study.get_trials(deepcopy=False)[number].params
        domains = {dimension.name: dimension.domain for dimension in self.space.dimensions}
        return {name: domain.value(labels[name]) for name, domain in domains.items() if name in labels}

    def importances(self) -> dict[str, float]:
        """Return the part of each dimension in what makes a trial good; empty before ten trials came to their end."""
        complete = [trial for trial in self.trials if trial.state == TrialState.COMPLETE]
        return optuna.importance.get_param_importances(self._study) if len(complete) >= _FEWEST_TO_COMPARE else {}

    def claim(self) -> Claim | None:
        """Return a trial to work on: one whose process is gone, else a new one while more are wanted.

        `is_undecided` then tells whether there is a trial of another machine of which it cannot be said yet whether
        its process is gone; ask again.
        """
        self.is_undecided = False
        with self.lock:
            for trial in self.trials:
                if trial.state == TrialState.RUNNING and (claim := self._take_up(trial)):
                    return claim
            while len(self.trials) < self.settings.options.trials:
                if claim := self._begin():
                    return claim
        return None

    def end(self, claim: Claim, outcome: Outcome, *, keep_checkpoints: bool = False) -> bool:
        """Write down how a trial ended, and return whether it is the best so far."""
        with self.lock:
            if outcome.why:
                claim.note("why", outcome.why)
            self._tell(claim.number, outcome)
            best = self.best_trial()
            is_best = best is not None and best.number == claim.number
        if not keep_checkpoints:
            shutil.rmtree(self.directory.trial(claim.number).checkpoints, ignore_errors=True)
        self.directory.alive_file(claim.number).unlink(missing_ok=True)
        return is_best

    def best_trial(self) -> FrozenTrial | None:
        """Return the trial that came to its end with the lowest perplexity, or `None` where none did."""
        complete = [trial for trial in self.trials if trial.state == TrialState.COMPLETE]
        return min(complete, key=lambda trial: (trial.value, trial.number), default=None)

    def _begin(self) -> Claim | None:
        every = self._study.get_trials(deepcopy=False)
        number = next((trial.number for trial in every if trial.state == TrialState.WAITING), len(every))
        lock = RunLock(self.directory.trial(number).root)
        lock.__enter__()
        self._study.sampler = _sampler(self.settings, number)
        return self._claimed(self._study.ask(), lock)

    def _take_up(self, trial: FrozenTrial) -> Claim | None:
        lock = RunLock(self.directory.trial(trial.number).root)
        try:
            lock.__enter__()
        except CheckpointError:
            return None
        if not self._is_abandoned(trial):
            lock.__exit__()
            return None
        self._study.sampler = _sampler(self.settings, trial.number)
        study_id = self._storage.get_study_id_from_name(_NAME)
        trial_id = self._storage.get_trial_id_from_study_id_trial_number(study_id, trial.number)
        return self._claimed(optuna.Trial(self._study, trial_id), lock)

    def _is_abandoned(self, trial: FrozenTrial) -> bool:
        """Return whether a trial whose lock is free is really nobody's; not every shared folder carries locks."""
        if trial.user_attrs.get("host", platform.node()) == platform.node():
            return True
        is_silent = self._watch.is_silent(self.directory.alive_file(trial.number))
        self.is_undecided |= is_silent is None
        return bool(is_silent)

    def _claimed(self, trial: optuna.Trial, lock: RunLock) -> Claim | None:
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
            lock.__exit__()
            return None
        for name, value in {"host": platform.node(), "starts": starts, "rounds": rounds}.items():
            trial.set_user_attr(name, value)
        return Claim(trial, config, reported, lock, Heartbeat(self.directory.alive_file(trial.number)))

    def _tell(self, number: int, outcome: Outcome) -> None:
        states = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}
        # Another machine may have taken the trial for abandoned, and have ended it.
        self._study.tell(number, outcome.perplexity, state=states[outcome.kind], skip_if_finished=True)


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
