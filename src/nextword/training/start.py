"""Starts and resumes training runs: the one door for the command and for Python."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

from nextword.bundle.run_directory import LOG_FILE, RunDirectory, run_lock
from nextword.errors import CheckpointError
from nextword.system.cache import cache_root
from nextword.system.files import write_file
from nextword.system.framework import keep_freed_memory, use_compilation_cache
from nextword.system.sealed_directory import remove_leftovers
from nextword.text.corpus import Corpus
from nextword.text.sources.find import TextLike
from nextword.training import distributed, require_framework
from nextword.training.base import Base, base_of, read_start, write_start
from nextword.training.checkpoint_store import CheckpointStore
from nextword.training.config import RunConfig
from nextword.training.context import Observers, RunContext
from nextword.training.progress import TrainingProgress
from nextword.training.report.history import CurveDrawer, write_log

if TYPE_CHECKING:
    from nextword.model.language_model import LanguageModel
    from nextword.training.planning.preparation import Preparation
    from nextword.training.result import FinishedRun
    from nextword.training.run import TrainingRun

# At import, since it must come before any other thread takes memory: those that read the text do.
keep_freed_memory()


@dataclass
class Run:
    """A training run in its directory, from the first step or the newest checkpoint to the model.

    `begin` and `open` return a context with a run. Within it, the directory is locked. The training framework is loaded
    after the text is read, so that mistakes are found at once.
    """

    directory: RunDirectory  # the run directory
    text: Corpus
    context: RunContext  # observer, messages and folders
    prepared: "Preparation"  # settings, windows, teacher and plan
    model: "LanguageModel | None" = None  # a model of the user's, trained in place (default: a new one)
    _trained: "TrainingRun | None" = None

    @classmethod
    @contextmanager
    def begin(
        cls,
        config: RunConfig,
        text: TextLike | Corpus,
        root: Path,
        context: RunContext | None = None,
        *,
        model: "LanguageModel | None" = None,
        base: Base | None = None,
        began: float | None = None,
    ) -> Iterator[Self]:
        """Begin a run in a new directory.

        Args:
            config: The settings.
            text: The text, or what it is made from.
            root: The directory.
            context: Observer, messages and folders.
            model: The model to train in place (default: a new one).
            base: The model to start from, if it is open already (default: that of the settings).
            began: Start of the run's time, by `time.monotonic` (default: now).

        Raises:
            CheckpointError: `root` already holds a run, or another process uses it.
            NextwordError: Text or settings are invalid.
        """
        began = time.monotonic() if began is None else began
        with distributed.together():
            directory, context, notes = RunDirectory(root), distributed.quiet(context or RunContext()), list[str]()
            directory.require_free()
            directory.require_writable()
            noting = replace(context, say=notes.append)
            config, base = base_of(config, base)
            with _locked(directory):
                directory.require_free()
                corpus = noting.load_corpus(text, config.text, base=base.bundle.tokenizer if base else None)
                _require_framework(context)
                from nextword.training.planning.budget import plan_time
                from nextword.training.planning.forecast import Forecast
                from nextword.training.planning.preparation import prepare_new

                fit = partial(plan_time, corpus=corpus, began=began, context=noting)
                prepared = prepare_new(config, corpus, fit, base)
                run = cls(directory, corpus, context, prepared, model)
                Forecast.of(prepared, corpus, directory.root).report(context, notes)
                yield run

    @classmethod
    @contextmanager
    def open(
        cls,
        root: Path,
        context: RunContext | None = None,
        *,
        text: TextLike | Corpus | None = None,
        model: "LanguageModel | None" = None,
    ) -> Iterator[Self]:
        """Open a run that has begun, to resume it after its last saved round or to end it.

        Args:
            root: The run directory.
            context: Observer, messages and folders.
            text: The original text of the run (default: load it again).
            model: The model to train in place (default: a new one).

        Raises:
            CheckpointError: There is no run in `root`, its text has changed, or another process uses it.
            NextwordError: The text cannot be found.
        """
        directory = RunDirectory(root)
        config = RunConfig.of_run(directory)
        path, sha256 = (_origin(config, name, directory) for name in ("text_path", "text_sha256"))
        with distributed.together():
            context = distributed.quiet(context or RunContext())
            with _locked(directory):
                start = read_start(directory) if config.training.base else None
                reading = replace(context, say=context.detail)
                corpus = reading.load_corpus(
                    path if text is None else text, config.text, tokenizer=start.tokenizer if start else None
                )
                if sha256 != corpus.sha256:
                    raise CheckpointError(
                        f"a run must be resumed with its original text, but `{corpus.name}` has changed; "
                        "restore it, or train in a new directory"
                    )
                _require_framework(context)
                from nextword.training.planning.preparation import prepare_again

                yield cls(directory, corpus, context, prepare_again(config, corpus, start), model)

    @property
    def config(self) -> RunConfig:
        """The settled settings."""
        return self.prepared.config

    def train(self) -> TrainingProgress:
        """Train from the newest checkpoint to the end, and load the best weights into the model.

        Raises:
            TrainingInterrupted: A signal requested a stop; the run can be opened again.
            TrainingDivergedError: The loss is not finite.
        """
        from nextword.training.run import TrainingRun

        return self._work(TrainingRun.run).progress

    def finish(self, *, write: bool = True) -> "FinishedRun":
        """Evaluate the best weights so far, and write the model. A run that is not at its end can be opened again."""
        from nextword.training.result import finish_run
        from nextword.training.run import TrainingRun

        trained = self._trained or self._work(partial(TrainingRun.run, to_end=False))
        finished = finish_run(
            trained.step.model, self.text, self.config, trained.progress, self.context, self.prepared.start
        )
        if write and not distributed.process_id():
            finished.write(self.directory, self.config.preset, self.context)
        return finished

    def _work(self, work: "Callable[[TrainingRun], TrainingProgress]") -> "TrainingRun":
        """Restore the run from its newest checkpoint, and train it or load its best weights."""
        from nextword.training.run import TrainingRun
        from nextword.training.step.count_based_initialization import initialize_model

        prepared = self.prepared
        model = self.model or prepared.new_model()
        model.tokenizer_fingerprint = self.text.tokenizer.fingerprint
        store = CheckpointStore(self.directory.checkpoints, self.context.warn)
        seconds_before = 0.0
        if prepared.start is None:
            seconds_before = initialize_model(model, self.text, self.config.training, store)
        step = prepared.step(model)
        if not self.directory.is_run:  # only now has every part of the run accepted its settings
            if prepared.start is not None and not distributed.process_id():
                write_start(self.directory, prepared.start)
            self._write_config()
        context = self._observed()
        run = TrainingRun(step, store, self._log, context, seconds_before=seconds_before)
        self._warn_if_lost(run)
        if self.model is not None:
            run.save_start()
        if prepared.start is not None:
            run.validate_start()
            self._report_start(run.progress)
        with run.interruption.listening():
            progress = work(run)
        self._log(progress)
        if run.plan.time is not None:
            plan = run.plan.time.replace(planned_steps=run.plan.planned_steps)
            self.prepared = replace(prepared, config=replace(self.config, plan=plan))
            self._write_config()
        self._trained = run
        return run

    def _report_start(self, progress: TrainingProgress) -> None:
        from nextword.training.step.carried_start import unigram_perplexity
        from nextword.training.step.count_based_initialization import token_counts

        start = progress.start_perplexity
        if progress.rounds or start is None:
            return
        alone = unigram_perplexity(token_counts(self.text), self.text.valid.ids)
        if start > alone:
            self.context.warn(
                f"the base does not help: before training, its perplexity on valid is {start:,.2f}, and word "
                f"counts of the text alone have {alone:,.2f}; train without a base too, and compare the two"
            )
        else:
            self.context.say(f"before training, perplexity on valid {start:,.2f}; by word counts alone {alone:,.2f}")

    def _observed(self) -> RunContext:
        """Return the context of the steps, in which each round draws the curve."""
        if distributed.process_id():
            return self.context
        batching = self.config.batching
        self.context.detail(
            f"matrix products in {self.config.training.compute_dtype}; "
            f"{batching.batch_size} x {batching.num_steps} tokens per step"
        )
        drawer = CurveDrawer(self.directory.root, f"{self.config.preset} on {self.text.name}")
        return replace(self.context, observer=Observers((drawer, self.context.observer)))

    def _warn_if_lost(self, run: "TrainingRun") -> None:
        if not run.progress.has_weights and (self.directory.root / LOG_FILE).is_file():
            self.context.warn(
                f"`{self.directory.checkpoints}` has no checkpoint that can be read, but `{LOG_FILE}` has finished "
                "rounds; training begins again with the first step"
            )

    def _log(self, progress: TrainingProgress) -> None:
        if not distributed.process_id():
            write_log(self.directory.root, progress)

    def _write_config(self) -> None:
        if not distributed.process_id():
            write_file(self.directory.config_file, self.config.to_toml().encode())


@contextmanager
def _locked(directory: RunDirectory) -> Iterator[None]:
    """Hold the lock of a run directory, and remove the partial files of a killed process."""
    if distributed.process_id():
        yield
        return
    with run_lock(directory.root):
        remove_leftovers(directory.root)
        yield


def _require_framework(context: RunContext) -> None:
    """Load the framework only now, so that mistakes in the text are found at once."""
    require_framework()
    use_compilation_cache(cache_root(context.cache_dir))


def _origin(config: RunConfig, name: str, directory: RunDirectory) -> str:
    if name not in config.origin:
        raise CheckpointError(
            f"`{directory.config_file}` must name the text that it came from, but has no `{name}` in [origin]; "
            "train in a new directory"
        )
    return config.origin[name]
