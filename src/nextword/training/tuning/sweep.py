"""The loop of one process over the trials of a study."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from functools import partial

from nextword.disk.cache import cache_root
from nextword.machine.setup import use_compilation_cache
from nextword.training.context import TrainingObserver
from nextword.training.interruption import Interruption, TrainingInterrupted
from nextword.training.tuning.claim import Claim, Outcome
from nextword.training.tuning.report import describe, write_best
from nextword.training.tuning.study import Study
from nextword.training.tuning.trial_run import TrialRun

_MARGIN_SECONDS = 3  # a database counts whole seconds

MakeObserver = Callable[[], AbstractContextManager[TrainingObserver]]
"""Returns a context manager with a new observer for a trial."""


class Sweep:
    """Works on a study until all its trials have started and this machine has no unfinished trial without a process.

    Args:
        study: The study.
        run: Trains a trial.
        make_observer: Makes the observer of each trial.
        keep_checkpoints: Whether to keep the checkpoints of a trial after its end.
    """

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
        """Train a trial, and return whether there was one."""
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
        except TrainingInterrupted:
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
