"""A training run from beginning to end: text, model, training, log, curves, figures, bundle."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nextword.batching.window import Windows
from nextword.batching.windows import make_windows, validation_streams
from nextword.bundle.bundle import Bundle
from nextword.bundle.files import require_storable
from nextword.bundle.store import write_bundle
from nextword.errors import CheckpointError, MissingExtraError, StorageError
from nextword.experiment.begin_model import begin_model, token_counts
from nextword.experiment.budget import Budget, fix_plan
from nextword.experiment.curves import draw_curves
from nextword.experiment.make_bundle import make_bundle
from nextword.experiment.run_config import RunConfig
from nextword.experiment.run_directory import RunDirectory
from nextword.experiment.training_log import write_log
from nextword.machine.setup import use_compilation_cache
from nextword.models.language_model import LanguageModel
from nextword.ops.precision import resolve_compute_dtype
from nextword.storage.cache import cache_root
from nextword.storage.sealed_directory import remove_leftovers
from nextword.storage.single_file import write_file
from nextword.text.corpus import Corpus, TrainingText
from nextword.text.source import stored_name
from nextword.training.checkpoint_store import CheckpointStore, RunLock
from nextword.training.observer import SilentObserver, TrainingObserver
from nextword.training.progress import RoundRecord, TrainingProgress
from nextword.training.trainer import Trainer


def _say_nothing(_message: str) -> None:
    """Take the place of a `say` that was not given."""


@dataclass(frozen=True)
class Surroundings:
    """Who watches a run, who is told, and where its text is looked for.

    Attributes:
        observer: Watches the training.
        say: Is told, in sentences, what is being done and what was met.
        callbacks: Keras callbacks of the user's own.
        data_dir: A folder of samples.
        cache_dir: Where derived files are kept.
    """

    observer: TrainingObserver = field(default_factory=SilentObserver)
    say: Callable[[str], None] = _say_nothing
    callbacks: Sequence[Any] = ()
    data_dir: Path | None = None
    cache_dir: Path | None = None


def start_run(config: RunConfig, text: str | Path, root: Path, around: Surroundings = Surroundings()) -> Bundle:
    """Train a model on a text in a new run directory, and leave its bundle in `root/model`.

    Raises:
        CheckpointError: A run began in `root` already, or another process is at work there.
        TrainingInterrupted: A signal asked to stop; `resume_run` goes on.
        NextwordError: Text or settings are refused, or training diverged.
    """
    began = time.monotonic()
    use_compilation_cache(cache_root(around.cache_dir))
    directory = RunDirectory(root)
    directory.require_free()
    corpus = _load(text, config, around)
    with RunLock(root):
        remove_leftovers(root)
        directory.require_free()
        config = config.resolved(
            text=corpus.options,
            vocabulary_size=corpus.tokenizer.vocabulary_size,
            compute_dtype=resolve_compute_dtype(config.training.compute_dtype),
            text_path=stored_name(text),
            text_sha256=corpus.sha256,
        )
        # Whatever could be refused is refused before anything is written.
        require_storable(config.architecture)
        _windows(corpus, config)
        if config.training.minutes is not None and not config.training.planned_steps:
            config = fix_plan(config, corpus, Budget(60.0 * config.training.minutes, began), around.say)
        write_file(directory.config_file, config.to_toml().encode())
        return _train(config, corpus, directory, around)


def resume_run(root: Path, around: Surroundings = Surroundings(), *, finish: bool = False) -> Bundle:
    """Go on with a run after its last safe round; a run that is over is only given its bundle again.

    With `finish` nothing more is trained: the best weights so far become the bundle. The run can still be resumed.

    Raises:
        CheckpointError: There is no run in `root`, its text has changed, or another process is at work there.
        TrainingInterrupted: A signal asked to stop again.
        NextwordError: The text is gone, or training diverged.
    """
    use_compilation_cache(cache_root(around.cache_dir))
    directory = RunDirectory(root)
    config = directory.read_config()
    text_path, text_sha256 = (_origin(config, name, directory) for name in ("text_path", "text_sha256"))
    with RunLock(root):
        remove_leftovers(root)
        corpus = _load(text_path, config, around)
        if text_sha256 not in (corpus.sha256, corpus.sha256_without_test):
            raise CheckpointError(
                f"a run must be resumed on the text that it began with, but `{text_path}` has "
                "changed since; put it back, or train in a new directory"
            )
        return _train(config, corpus, directory, around, finish=finish)


def _load(text: str | Path, config: RunConfig, around: Surroundings) -> Corpus:
    corpus = Corpus.load(text, config.text, data_dir=around.data_dir, cache_dir=around.cache_dir)
    for sentence in corpus.report.describe():
        around.say(sentence)
    return corpus


def _train(
    config: RunConfig, corpus: Corpus, directory: RunDirectory, around: Surroundings, *, finish: bool = False
) -> Bundle:
    architecture = config.architecture
    model = LanguageModel(architecture, seed=config.training.seed, compute_dtype=config.training.compute_dtype)
    around.say(
        f"{architecture.num_parameters:,} parameters; matrix products in {config.training.compute_dtype}; "
        f"{config.batching.batch_size} x {config.batching.num_steps} tokens a step"
    )
    progress = fit_model(model, corpus, config, directory, around, finish=finish)
    if progress.planned_steps:
        config = replace(config, training=config.training.replace(planned_steps=progress.planned_steps))
        write_file(directory.config_file, config.to_toml().encode())
    around.say("evaluating the best weights on valid and test")
    preset = config.origin.get("preset", "model")
    bundle = make_bundle(model, corpus, config, name=f"{Path(corpus.name).stem}-{preset}")
    write_bundle(directory.model, bundle, replace=True)
    _draw(progress, directory, around, title=f"{preset} on {corpus.name}")
    return bundle


def fit_model(
    model: LanguageModel,
    corpus: TrainingText,
    config: RunConfig,
    directory: RunDirectory,
    around: Surroundings,
    *,
    finish: bool = False,
) -> TrainingProgress:
    """Train `model` in place over the checkpoints of a run directory, and keep its log.

    With `finish` it is not trained, but given the best weights that the checkpoints hold.
    """
    store = CheckpointStore(directory.checkpoints, warn=around.say)
    options = config.training
    seconds_before = begin_model(model, corpus, options, store)
    train, valid = _windows(corpus, config)
    trainer = Trainer(
        model,
        train=train,
        valid=valid,
        options=options,
        store=store,
        token_counts=token_counts(corpus) if options.sampled_softmax else None,
        observer=_Logging(around.observer, directory.root),
        callbacks=around.callbacks,
        seconds_before=seconds_before,
    )
    about_resuming = list(trainer.warnings)
    for warning in about_resuming:
        around.say(warning)
    with trainer.interruption.listening():
        progress = trainer.finish() if finish else trainer.run()
    for warning in trainer.warnings[len(about_resuming) :]:
        around.say(warning)
    write_log(directory.root, progress)
    return progress


def _windows(corpus: TrainingText, config: RunConfig) -> tuple[Windows, Windows]:
    """Return the windows to train on and those to validate on."""
    end_id = corpus.tokenizer.vocabulary.end_id
    train = make_windows(corpus.train.ids, config.batching, end_id=end_id)
    return train, validation_streams(corpus.valid.ids, end_id=end_id)


def _origin(config: RunConfig, name: str, directory: RunDirectory) -> str:
    if name not in config.origin:
        raise CheckpointError(
            f"`{directory.config_file}` must say where its text came from, but has no `{name}` in [origin]; "
            "was it written by hand?"
        )
    return config.origin[name]


def _draw(progress: TrainingProgress, directory: RunDirectory, around: Surroundings, *, title: str) -> None:
    try:
        draw_curves(progress.records, directory.root, title=title)
    except (MissingExtraError, StorageError) as error:  # no picture is worth a model
        around.say(f"no curves were drawn: {error}")


class _Logging:
    """An observer that keeps the log and passes everything on."""

    def __init__(self, observer: TrainingObserver, root: Path) -> None:
        self._root = root
        self.on_start = observer.on_start
        self.on_step = observer.on_step
        self.on_validation = observer.on_validation
        self._on_round = observer.on_round

    def on_round(self, record: RoundRecord, progress: TrainingProgress) -> None:
        """Write the log anew, then pass the round on."""
        write_log(self._root, progress)
        self._on_round(record, progress)
