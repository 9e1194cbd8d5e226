"""Starts, joins or resumes a study, and works on its trials."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from functools import partial

from nextword.errors import CheckpointError, SettingError
from nextword.system.cache import cache_root
from nextword.system.files import write_file
from nextword.system.framework import use_compilation_cache
from nextword.training.context import Interruption, RunContext, TrainingObserver
from nextword.training.tuning.database import Claim, Database, Outcome
from nextword.training.tuning.report import describe, write_best
from nextword.training.tuning.study import Study
from nextword.training.tuning.study_settings import StudyDirectory, StudySettings, read_study
from nextword.training.tuning.trial_run import StudyText, TrialRun


def open_study(
    directory: StudyDirectory,
    wanted: StudySettings | None,
    context: RunContext,
    *,
    trials: int | None = None,
    database: Database | None = None,
) -> tuple[Study, StudyText]:
    """Return the study in a directory and its text; create the study from `wanted` if there is none.

    Args:
        directory: The directory of the study.
        wanted: The settings of a new study. For an existing study, `None` or the same settings.
        context: The data and cache folders.
        trials: Total number of trials (default: the number stored in the study).
        database: The database of the study, with its password (default: the address stored in the study).

    Raises:
        CheckpointError: There is no study to resume, or its text has changed.
        SettingError: Settings or search space are invalid, or differ from those of the study.
        TextError: The text cannot be found, read or used.
        StorageError: The file of the study is damaged or cannot be written, or its database cannot be opened.
    """
    has_begun = directory.study_file.exists()
    if wanted is None and not has_begun:
        raise CheckpointError(
            f"`{directory.root}` must be the directory of a study, but has no {directory.study_file.name}; "
            "start one with `nextword tune TEXT --study DIR`"
        )
    settings = wanted if wanted is not None and not has_begun else read_study(directory.study_file)[0]
    text = StudyText.load(settings.text, settings.base.text, data_dir=context.data_dir, cache_dir=context.cache_dir)
    if not has_begun:
        _begin(directory, settings, text, database)
    settings, text_sha256 = read_study(directory.study_file)
    if wanted is not None:
        settings.require_same(wanted)
    _require_same_database(settings, database)
    if text.sha256 != text_sha256:
        raise CheckpointError(
            f"a study must be resumed with its original text, but `{settings.text}` has changed; restore it, or give "
            "another directory"
        )
    if trials is not None:
        settings = replace(settings, options=settings.options.replace(trials=trials))
    study = Study(directory, settings, database)
    study.require_shared(text_sha256)
    return study, text


def _require_same_database(settings: StudySettings, database: Database | None) -> None:
    stored = settings.options.storage
    if database is not None and database.address != stored:
        raise SettingError(
            f"`--storage` must stay {stored or 'unset'}, as in the study, but is {database.address}; leave it out, "
            "unset NEXTWORD_STORAGE, or give another directory"
        )


def _begin(directory: StudyDirectory, settings: StudySettings, text: StudyText, database: Database | None) -> None:
    """Write the study to the disk, unless another process was faster."""
    # Check everything before the first write.
    _ = settings.space
    if (shared := database or settings.database) is not None:
        shared.open(grace_seconds=settings.options.grace_seconds, max_retries=0)
    with directory.lock():
        if not directory.study_file.exists():
            write_file(directory.study_file, settings.to_toml(text_sha256=text.sha256).encode())


_MARGIN_SECONDS = 3  # a database counts whole seconds

MakeObserver = Callable[[], AbstractContextManager[TrainingObserver]]
"""Returns a context manager with a new observer for a trial."""


class Sweep:
    """Works on a study until all its trials have started and this machine has no unfinished trial without a process."""

    def __init__(
        self, study: Study, run: TrialRun, make_observer: MakeObserver, *, keep_checkpoints: bool = False
    ) -> None:
        self._study = study
        self._run = run
        self._say = run.context.say
        self._make_observer = make_observer
        self._keep_checkpoints = keep_checkpoints
        self._interruption = Interruption()

    def work(self) -> None:
        """Work on trials until none is left.

        Raises:
            TrainingInterrupted: A signal requested a stop; the next process on the study resumes the trial.
            StorageError: The database of the study cannot be used.
        """
        use_compilation_cache(cache_root(self._run.context.cache_dir))
        with self._study.database_errors():
            while self._trains_another() or self._trains_a_lost_one():
                pass
            self._uninterrupted(lambda: write_best(self._study))  # in case a process was killed before it could

    def _trains_another(self) -> bool:
        with ExitStack() as held:
            claim = self._uninterrupted(partial(self._study.claim, held))
            if claim is not None:
                self._train(claim)
            return claim is not None

    def _trains_a_lost_one(self) -> bool:
        """Wait whether another machine was lost with a trial; train that trial, and return whether there was one."""
        grace = self._study.settings.options.grace_seconds
        end = time.monotonic() + grace + _MARGIN_SECONDS
        if self._study.others_are_running:
            self._say(f"other machines work on the last trials; waiting {grace} seconds in case that one is lost")
        while self._study.others_are_running and time.monotonic() < end:
            time.sleep(min(_MARGIN_SECONDS, grace))
            if self._trains_another():
                return True
        return False

    def _train(self, claim: Claim) -> None:
        self._say(f"trial {claim.number}: {describe(self._study.values(claim.number))}")
        try:
            with self._make_observer() as observer:
                run = replace(self._run, context=replace(self._run.context, observer=observer))
                outcome = run.train(claim.config, self._study.directory.trial(claim.number).root, claim.report)
        except KeyboardInterrupt:
            claim.note("starts", 0)
            raise
        self._uninterrupted(lambda: self._end(claim, outcome))

    def _end(self, claim: Claim, outcome: Outcome) -> None:
        is_best = self._study.end(claim, outcome, keep_checkpoints=self._keep_checkpoints)
        if is_best:
            write_best(self._study)
        result = f"valid perplexity {outcome.perplexity:,.2f}" if outcome.perplexity else outcome.why
        self._say(f"trial {claim.number}: {result}{', the best so far' if is_best else ''}")

    def _uninterrupted[Result](self, work: Callable[[], Result]) -> Result:
        """Run `work` without interruption, and act on Ctrl-C afterwards."""
        with self._interruption.listening():
            result = work()
        self._interruption.raise_if_requested()
        return result
