"""nextword in a few lines of Python; `import nextword` offers these names.

import nextword

corpus = nextword.Corpus.load("austen")
model = nextword.LanguageModel.from_preset("quick", vocabulary_size=corpus.tokenizer.vocabulary_size)
trained = nextword.fit(model, corpus, preset="quick", epochs=1)

nextword.perplexity(trained, corpus.test)
nextword.suggest(trained, "It is a truth universally", k=5)
nextword.generate(trained, "She was", words=40, seed=1)

nextword.save(trained, "austen-model")
trained = nextword.load("austen-model")
"""

import dataclasses
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nextword.batching.options import BatchOptions
from nextword.bundle.write import write_bundle
from nextword.engine.trained_model import TrainedModel, open_model, start_engine
from nextword.errors import SettingError
from nextword.evaluation.perplexity import evaluate
from nextword.experiment.budget import Budget, fix_plan
from nextword.experiment.experiment import Surroundings, fit_model
from nextword.experiment.make_bundle import make_bundle
from nextword.experiment.run_config import RunConfig
from nextword.experiment.run_directory import RunDirectory
from nextword.generation.generator import generate_text
from nextword.generation.sampling import SamplingOptions
from nextword.machine.compilation_cache import use_compilation_cache
from nextword.methods.catalogue import methods_of, require_used, tables_of
from nextword.methods.chain import apply_methods
from nextword.methods.method import Splits
from nextword.models.language_model import LanguageModel
from nextword.storage.sealed_directory import write_file
from nextword.suggestion.suggestion import Suggestion
from nextword.suggestion.suggestion import suggest as suggest_words
from nextword.text.cache import cache_root
from nextword.text.corpus import Corpus
from nextword.text.token_store import TokenStore
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


def perplexity(
    model: TrainedModel,
    text: TokenStore | str,
    *,
    method: str = "static",
    train: TokenStore | None = None,
    valid: TokenStore | None = None,
    **settings: Any,
) -> float:
    """Return the perplexity of a model on a split of a corpus, or on a string.

    Every token counts, `<eos>` included, each predicted once from all before it.

    Args:
        model: The model; its weights stay as they are.
        text: What is to be predicted.
        method: What is done after training: `static`, or names of `nextword.methods` with commas between them, the
            first around the model, such as `"cache,temperature"`.
        train: The training split, for `ngram` and `dynamic`.
        valid: A split on which settings that are not given are tuned; without it they have their defaults.
        **settings: Settings of the methods, such as `cache_size=200`.

    Raises:
        EvaluationError: There are no tokens.
        SettingError: A method or a setting is unknown or refused, or lacks a split.
    """
    ids = np.array(model.tokenizer.encode(text), np.int32) if isinstance(text, str) else text.ids
    methods, tables = methods_of(method.split(",")), tables_of(settings)
    require_used(tables, methods, ensemble=False)
    splits = Splits(train=lambda: _given("train", train).ids, valid=lambda: _given("valid", valid).ids)
    outcome = apply_methods([model], methods, tables, splits, tune=valid is not None)
    return evaluate(outcome.engine, ids).perplexity


def suggest(model: TrainedModel, text: str, k: int = 5) -> list[Suggestion]:
    """Return the `k` most probable words after a text."""
    return suggest_words(model.engine, model.tokenizer, text, k)


def generate(model: TrainedModel, prompt: str = "", *, words: int = 100, **options: Any) -> str:
    """Return the prompt with the text that goes on from it.

    Args:
        model: The model.
        prompt: What the text begins with.
        words: How many tokens to write.
        **options: Fields of `SamplingOptions`: `temperature`, `top_k`, `top_p`, `seed`.
    """
    sampling = SamplingOptions.from_table(options)
    return prompt + "".join(generate_text(model.engine, model.tokenizer, prompt, num_tokens=words, options=sampling))


def save(model: TrainedModel, path: str | Path, *, replace: bool = False) -> None:
    """Write a model as a bundle.

    Raises:
        StorageError: `path` exists and `replace` is false, or the disk refused.
    """
    write_bundle(Path(path), model.bundle, replace=replace)


def load(path: str | Path) -> TrainedModel:
    """Read a bundle, and start it.

    Raises:
        BundleError: The directory is not a sound bundle.
    """
    return open_model(Path(path))


def _given(name: str, store: TokenStore | None) -> TokenStore:
    if store is None:
        raise SettingError(f"`{name}` must be given for this method, but is not; pass `{name}=corpus.{name}`")
    return store


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
