"""Starts and resumes training runs, for the command, for Python and for the trials of a sweep."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nextword.bundle.run_directory import LOG_FILE, RunDirectory, run_lock
from nextword.disk.cache import cache_root
from nextword.disk.files import write_file
from nextword.disk.sealed_directory import remove_leftovers
from nextword.errors import CheckpointError
from nextword.inference.evaluation.perplexity import MANY_UNKNOWN, unknown_warning
from nextword.machine.setup import use_compilation_cache
from nextword.model.language_model import LanguageModel
from nextword.text.corpus import Corpus, TrainingText
from nextword.text.sources.find import TextLike
from nextword.training.checkpoint_store import CheckpointStore
from nextword.training.cluster.cluster import (
    SharedCheckpointStore,
    agreed_config,
    join_for,
    lost_processes_named,
    quiet_unless_first,
    writes,
)
from nextword.training.cluster.group import Membership
from nextword.training.cluster.local_steps import LocalSteps
from nextword.training.cluster.own_run import own_directory, own_run
from nextword.training.config import RunConfig
from nextword.training.context import Observers, RunContext
from nextword.training.plan import Plan
from nextword.training.planning.forecast import Forecast
from nextword.training.planning.preparation import settle, windows_of
from nextword.training.progress import TrainingProgress
from nextword.training.reading import load_corpus
from nextword.training.report.curve_picture import CurveDrawer
from nextword.training.report.log import write_log
from nextword.training.report.run_logger import logged
from nextword.training.result import FinishedRun, finish_run
from nextword.training.run import TrainingRun
from nextword.training.saved_results import fit_ensemble, preset_of, save_results, title_of
from nextword.training.step.count_based_initialization import initialize_model, token_counts
from nextword.training.step.step import TrainingStep
from nextword.training.step.teacher import teacher_of

if TYPE_CHECKING:
    from nextword.training.cluster.joined import Processes


def start_run(
    config: RunConfig,
    text: TextLike | Corpus,
    root: Path,
    context: RunContext | None = None,
    *,
    model: LanguageModel | None = None,
    keep: bool = True,
    began: float | None = None,
) -> FinishedRun:
    """Train a model on a text in a new run directory.

    Args:
        config: The settings.
        text: The text, or what it is made from.
        root: The run directory.
        context: Observer, messages and folders.
        model: The model to train in place (default: a new one).
        keep: Whether to write bundle, metrics and curves to `root`.
        began: Start of the run's time, by `time.monotonic` (default: now).

    Raises:
        CheckpointError: `root` already holds a run, or another process uses it.
        TrainingInterrupted: A signal requested a stop; `resume_run` continues the run.
        NextwordError: Text or settings are invalid, or training diverged.
    """
    began = time.monotonic() if began is None else began
    root, config = own_run(root, config)
    directory = RunDirectory(root)
    directory.require_free()
    processes = join_for(config, has_model=model is not None)
    context = quiet_unless_first(context or RunContext(), processes)
    corpus = load_corpus(text, config, context)
    with _locked(directory, context, processes):
        if writes(processes):
            directory.require_free()
        prepare = partial(_prepare, config, corpus, directory, context, began=began, text_path=corpus.stored_name)
        config = agreed_config(config, corpus, processes, prepare)
        for line in Forecast.of(config, corpus, directory.root).describe():
            context.say(line)
        finished = _train_and_evaluate(config, corpus, directory, context, keep=keep, model=model, processes=processes)
        finished = save_results(finished, config, directory, context, processes) if keep else finished
    fit_ensemble(config, corpus, directory, context)
    return finished


def resume_run(
    root: Path,
    context: RunContext | None = None,
    *,
    finish: bool = False,
    corpus: Corpus | None = None,
    model: LanguageModel | None = None,
) -> FinishedRun:
    """Resume a run after its last saved round. For a finished run, write its bundle again.

    Args:
        root: The run directory.
        context: Observer, messages and folders.
        finish: Whether to end here and make a bundle of the best weights so far. The run can still be resumed.
        corpus: The original text of the run (default: load it again).
        model: The model to train in place (default: a new one).

    Raises:
        CheckpointError: There is no run in `root`, its text has changed, or another process uses it.
        TrainingInterrupted: A signal requested a stop.
        NextwordError: The text cannot be found, or training diverged.
    """
    directory = RunDirectory(own_directory(root))
    config = RunConfig.of_run(directory)
    processes = join_for(config, has_model=model is not None)
    context = quiet_unless_first(context or RunContext(), processes)
    text = corpus or _origin(config, "text_path", directory)
    text_sha256 = _origin(config, "text_sha256", directory)
    with _locked(directory, context, processes):
        corpus = load_corpus(text, config, replace(context, say=context.detail))
        if text_sha256 not in (corpus.sha256, corpus.sha256_without_test):
            raise CheckpointError(
                f"a run must be resumed with its original text, but `{corpus.name}` has changed; "
                "restore it, or train in a new directory"
            )
        how: dict[str, Any] = {"model": model, "finish": finish, "processes": processes}
        finished = _train_and_evaluate(config, corpus, directory, context, **how)
        finished = save_results(finished, config, directory, context, processes)
    fit_ensemble(config, corpus, directory, context)
    return finished


def train_model(
    text: TrainingText,
    config: RunConfig,
    directory: RunDirectory,
    context: RunContext,
    *,
    model: LanguageModel | None = None,
    finish: bool = False,
    processes: "Processes | None" = None,
) -> TrainingRun:
    """Train a model from the newest checkpoint of a run directory, and return the run.

    With `finish`, load the best weights of the checkpoints without training.

    Args:
        text: Training and validation split.
        config: Resolved settings.
        directory: The run directory.
        context: Observer and messages.
        model: The model to train (default: a new one).
        finish: Whether to end the run here.
        processes: The processes that share each batch (default: this one alone).
    """
    is_given = model is not None
    model = model or LanguageModel(
        config.model.build(text.tokenizer.vocabulary_size),
        seed=config.training.seed,
        compute_dtype=config.training.compute_dtype,
    )
    store = _store(directory, context, processes)
    seconds_before = initialize_model(model, text, config.training, store)
    local = None if finish else LocalSteps.of(model, config, directory.root, context.warn)
    step = _step(model, text, config, local, processes)
    log: Callable[[TrainingProgress], object] = partial(write_log, directory.root) if writes(processes) else _no_log
    exchange = None if local is None else local.exchange
    with logged(context, directory.root, config) as context:
        run = TrainingRun(step, store, log, context, seconds_before=seconds_before, exchange=exchange)
        _warn_if_lost(run, directory, context)
        if is_given:
            run.save_start()
        with run.interruption.listening(), lost_processes_named(processes), nullcontext() if local is None else local:
            progress = run.finish() if finish else run.run()
    log(progress)
    return run


def _step(
    model: LanguageModel,
    text: TrainingText,
    config: RunConfig,
    local: LocalSteps | None,
    processes: "Processes | None",
) -> TrainingStep:
    train, valid = windows_of(text, config, own=None if local is None else local.own_part)
    step = TrainingStep(
        model,
        config.training,
        Plan.of(config.training, train.steps_per_epoch, config.plan),
        train=train,
        valid=valid,
        token_counts=token_counts(text) if config.training.sampled_softmax else None,
        processes=processes,
        teacher=teacher_of(config, text.tokenizer),
        unknown_id=text.tokenizer.unknown_id_in(text.valid.report.num_out_of_vocabulary),
    )
    if processes is not None:  # the vectors of count-based initialization depend on the processor
        step.restore(processes.agree_on_arrays(step.capture()))
    return step


def _warn_if_lost(run: TrainingRun, directory: RunDirectory, context: RunContext) -> None:
    """Report that a run with logged rounds has no checkpoint that can be read, so its rounds are trained again."""
    if not run.progress.rounds and (directory.root / LOG_FILE).is_file():
        context.warn(
            f"`{directory.checkpoints}` has no checkpoint that can be read, but `{LOG_FILE}` has finished rounds; "
            "training begins again with the first step"
        )


def _no_log(_progress: TrainingProgress) -> None:
    """Leave the log to the first process."""


def _store(directory: RunDirectory, context: RunContext, processes: "Processes | None") -> CheckpointStore:
    if processes is None:
        return CheckpointStore(directory.checkpoints, warn=context.warn)
    return SharedCheckpointStore(directory.checkpoints, processes, warn=context.warn)


@contextmanager
def _locked(directory: RunDirectory, context: RunContext, processes: "Processes | None") -> Iterator[None]:
    """Hold the lock of a run directory, and remove the partial files of a killed process.

    Of several processes, the first one does. All leave the block together.
    """
    use_compilation_cache(cache_root(context.cache_dir))
    with run_lock(directory.root) if writes(processes) else nullcontext():
        if writes(processes):
            remove_leftovers(directory.root)
        with Membership.of(None if processes is None else processes.group):
            yield
            if processes is not None:
                processes.agree(None)


def _prepare(
    config: RunConfig, corpus: Corpus, directory: RunDirectory, context: RunContext, *, began: float, **origin: str
) -> RunConfig:
    """Return the settled settings, and write them to the run directory."""
    config = settle(config, corpus, context, began=began, **origin)
    write_file(directory.config_file, config.to_toml().encode())
    return config


def _train_and_evaluate(
    config: RunConfig,
    corpus: Corpus,
    directory: RunDirectory,
    context: RunContext,
    *,
    keep: bool = True,
    model: LanguageModel | None = None,
    finish: bool = False,
    processes: "Processes | None" = None,
) -> FinishedRun:
    """Train to the end, or end here with `finish`, and evaluate the best weights; `keep` draws each round."""
    if keep and writes(processes):
        drawer = CurveDrawer(directory.root, title_of(config, corpus.name))
        context = replace(context, observer=Observers((drawer, context.observer)))
    context.detail(
        f"matrix products in {config.training.compute_dtype}; "
        f"{config.batching.batch_size} x {config.batching.num_steps} tokens per step"
    )
    run = train_model(corpus, config, directory, context, model=model, finish=finish, processes=processes)
    if run.plan.time is not None and writes(processes):
        config = replace(config, plan=run.plan.time.replace(planned_steps=run.plan.planned_steps))
        write_file(directory.config_file, config.to_toml().encode())
    context.say("evaluating the best weights on valid and test")
    name = f"{Path(corpus.name).stem}-{preset_of(config)}"
    finished = finish_run(run.step.model, corpus, config, run.progress, name=name)
    share = max(row.num_out_of_vocabulary / row.num_tokens for row in finished.metrics)
    if share > MANY_UNKNOWN:
        context.warn(unknown_warning(share))
    return finished


def _origin(config: RunConfig, name: str, directory: RunDirectory) -> str:
    if name not in config.origin:
        raise CheckpointError(
            f"`{directory.config_file}` must name the text that it came from, but has no `{name}` in [origin]; "
            "train in a new directory"
        )
    return config.origin[name]
