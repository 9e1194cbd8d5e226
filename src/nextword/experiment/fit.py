"""A model trained on a corpus, from Python."""

import dataclasses
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nextword.batching.options import BatchOptions
from nextword.engine.opening import start_engine
from nextword.engine.trained_model import TrainedModel
from nextword.errors import SettingError
from nextword.experiment.budget import Budget, fix_plan
from nextword.experiment.experiment import Surroundings, fit_model
from nextword.experiment.make_bundle import make_bundle
from nextword.experiment.run_config import RunConfig
from nextword.experiment.run_directory import RunDirectory
from nextword.machine.setup import use_compilation_cache
from nextword.models.language_model import LanguageModel
from nextword.storage.cache import cache_root
from nextword.storage.single_file import write_file
from nextword.text.corpus import Corpus
from nextword.training.checkpoint_store import RunLock


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
