"""One process at work on a study: a trial after another until there are enough."""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from functools import partial

from nextword.machine.setup import use_compilation_cache
from nextword.storage.cache import cache_root
from nextword.training.context import TrainingObserver
from nextword.training.interruption import Interruption, TrainingInterrupted
from nextword.tuning.claim import Claim, Outcome
from nextword.tuning.report import describe, write_best
from nextword.tuning.study import Study, database_errors
from nextword.tuning.trial_run import TrialRun

Watching = Callable[[], AbstractContextManager[TrainingObserver]]
"""Gives a new observer for each trial, and ends it."""


class Sweep:
    """Works on a study until all its trials have begun and no process of this machine has left one unfinished.

    Args:
        study: The study.
        run: How its trials are trained.
        watching: Gives the observer of each trial.
        keep_checkpoints: Whether the checkpoints of a trial stay when it has ended.
    """

    def __init__(self, study: Study, run: TrialRun, watching: Watching, *, keep_checkpoints: bool = False) -> None:
        self._study = study
        self._run = run
        self._say = run.context.say
        self._watching = watching
        self._keep_checkpoints = keep_checkpoints
        self._interruption = Interruption()

    def work(self) -> None:
        """Work on trials until there is none left to take.

        Raises:
            TrainingInterrupted: A signal asked to stop; whoever works on the study next continues the trial.
            StorageError: The database of the study cannot be used.
        """
        use_compilation_cache(cache_root(self._run.context.cache_dir))
        with database_errors(self._study.settings.options.storage):
            while True:
                with ExitStack() as held:
                    claim = self._whole(partial(self._study.claim, held))
                    if claim is None:
                        break
                    self._work_on(claim)
            self._whole(lambda: write_best(self._study))  # a process may have been killed before it could

    def _work_on(self, claim: Claim) -> None:
        self._say(f"trial {claim.number}: {describe(self._study.values(claim.number))}")
        try:
            with self._watching() as observer:
                run = replace(self._run, context=replace(self._run.context, observer=observer))
                outcome = run.train(claim.config, self._study.directory.trial(claim.number).root, claim.report)
        except TrainingInterrupted:
            claim.note("starts", 0)
            raise
        self._whole(lambda: self._end(claim, outcome))

    def _end(self, claim: Claim, outcome: Outcome) -> None:
        is_best = self._study.end(claim, outcome, keep_checkpoints=self._keep_checkpoints)
        if is_best:
            write_best(self._study)
        result = f"valid perplexity {outcome.perplexity:,.2f}" if outcome.perplexity else outcome.why
        self._say(f"trial {claim.number}: {result}{', the best so far' if is_best else ''}")

    def _whole[Result](self, work: Callable[[], Result]) -> Result:
        """Do what Ctrl-C must not interrupt, and act on it afterwards."""
        with self._interruption.listening():
            result = work()
        self._interruption.raise_if_asked()
        return result
