"""A training run from text to bundle: begun, resumed, or called from Python."""

import dataclasses
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nextword.batching.options import BatchOptions
from nextword.bundle.bundle import Bundle
from nextword.bundle.files import require_storable
from nextword.bundle.store import write_bundle
from nextword.engine.opening import start_engine
from nextword.engine.text_model import TrainedModel
from nextword.errors import CheckpointError, MissingExtraError, SettingError, StorageError
from nextword.machine.setup import use_compilation_cache
from nextword.models.language_model import LanguageModel
from nextword.ops.precision import resolve_compute_dtype
from nextword.storage.cache import cache_root
from nextword.storage.sealed_directory import remove_leftovers
from nextword.storage.single_file import write_file
from nextword.text.corpus import Corpus
from nextword.text.source import stored_name
from nextword.training.budget import Budget, fix_plan
from nextword.training.config import RunConfig
from nextword.training.log import draw_curves
from nextword.training.make_bundle import make_bundle
from nextword.training.progress import TrainingProgress
from nextword.training.run import Surroundings, _windows, fit_model
from nextword.training.run_directory import RunDirectory, RunLock


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


def fit(
    model: LanguageModel,
    corpus: Corpus,
    *,
    preset: str = "quick",
    run: str | Path | None = None,
    callbacks: Sequence[Any] = (),
    **settings: Any,
) -> TrainedModel:
    """Train a model on a corpus, and return it ready for use, with its best weights.

    Args:
        model: The model; it is trained in place.
        corpus: The text.
        preset: Where batching and training settings come from.
        run: Directory for checkpoints and log. Called again with the same directory, training goes on where it
            stopped. Without it they are thrown away at the end.
        callbacks: Keras callbacks of your own; an epoch, to them, is a round.
        **settings: Fields of `TrainingOptions` or `BatchOptions` that override the preset, such as `epochs=2`
            or `minutes=10`.

    Raises:
        SettingError: A setting is unknown or refused, or model and corpus differ in vocabulary.
        TrainingInterrupted: Ctrl-C; with `run`, the same call goes on.
        TrainingDivergedError: The loss is no longer a finite number.
    """
    began = time.monotonic()
    use_compilation_cache(cache_root())
    config = _config(model, corpus, preset, settings)
    around = Surroundings(callbacks=callbacks)
    with tempfile.TemporaryDirectory(prefix="nextword-") as scratch:
        directory = RunDirectory(Path(run or scratch))
        with RunLock(directory.root):
            config = _fixed(config, corpus, directory, began)
            fit_model(model, corpus, config, directory, around)
    return start_engine(make_bundle(model, corpus, config, name=f"{Path(corpus.name).stem}-{preset}"))


def _fixed(config: RunConfig, corpus: Corpus, directory: RunDirectory, began: float) -> RunConfig:
    """Return the settings with the plan of a training of given minutes, which is kept for going on with it."""
    if config.training.minutes is None or config.training.planned_steps:
        return config
    if directory.is_run:
        return dataclasses.replace(config, training=directory.read_config().training)
    config = fix_plan(config, corpus, Budget(60.0 * config.training.minutes, began), lambda _text: None)
    write_file(directory.config_file, config.to_toml().encode())
    return config


def _config(model: LanguageModel, corpus: Corpus, preset: str, settings: dict[str, Any]) -> RunConfig:
    known, size = model.architecture.vocabulary_size, corpus.tokenizer.vocabulary_size
    if known != size:
        raise SettingError(
            f"the model must have the vocabulary of the corpus, {size} tokens, but has {known}; "
            "make it with `vocabulary_size=corpus.tokenizer.vocabulary_size`"
        )
    names = {field.name for field in dataclasses.fields(BatchOptions)}
    batching = {name: value for name, value in settings.items() if name in names}
    training = {name: value for name, value in settings.items() if name not in names}
    tables = {
        "batching": batching,
        "model": model.architecture.to_table(),
        "training": {"seed": model.seed, **training, "compute_dtype": model.product_dtype},
    }
    return RunConfig.of(preset, tables)
