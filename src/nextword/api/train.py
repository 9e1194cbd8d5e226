"""Train a model from Python, the way `nextword train` does."""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from nextword.api.trained_model import TrainedModel
from nextword.bundle.model_card import summary_of
from nextword.bundle.run_directory import RunDirectory
from nextword.engine.opening import start_engine
from nextword.errors import SettingError
from nextword.export.options import export_run
from nextword.model.presets import DEFAULT_PRESET
from nextword.text.corpus import Corpus
from nextword.text.sources.find import TextLike
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.training import distributed
from nextword.training.base import Base, base_of
from nextword.training.config import RunConfig, Tables, merge_tables, tables_of
from nextword.training.context import RunContext
from nextword.training.report.history import TrainingHistory
from nextword.training.report.progress_display import NotebookDisplay, ProgressBar, in_notebook
from nextword.training.start import Run

if TYPE_CHECKING:
    import keras

    from nextword.model.language_model import LanguageModel


def train(
    text: TextLike | Corpus,
    *,
    minutes: float | None = None,
    epochs: float | None = None,
    preset: str = DEFAULT_PRESET,
    run: str | Path | None = None,
    dropout: float | None = None,
    seed: int | None = None,
    settings: Mapping[str, Any] | None = None,
    model: "LanguageModel | None" = None,
    base: TrainedModel | str | Path | None = None,
    field: str | None = None,
    callbacks: Sequence["keras.callbacks.Callback"] = (),
    verbose: int = 1,
) -> TrainedModel:
    """Train a model on a text, and return it with its best weights.

    The preset `auto` trains for ten minutes unless `minutes` or `epochs` are given.

    Args:
        text: A file, a folder, the name of a sample, several strings, rows or splits of a data set, or a `Corpus`; see
            `Corpus.load`.
        minutes: Minutes from the call to the trained model.
        epochs: Times to read the text, instead of `minutes`.
        preset: Where the settings come from; `nextword presets` lists them.
        run: Run directory to keep. The same call resumes a run that was interrupted. If left out, the run is deleted.
        dropout: Rate of dropout on the input, between layers and on the output; `settings` may have single rates.
        seed: Seed of the weights and of dropout.
        settings: Any other setting by name, such as `{"hidden_sizes": (256, 256)}`; `nextword train --help-all` lists
            them.
        model: A model of your own to train in place. It must have the vocabulary of the text.
        base: A trained model to start from: a model, the directory of a run or a bundle, or `"austen"`. It keeps its
            words and gets the words of the text.
        field: Field that holds the text in JSON Lines, or in rows of a data set (default: `text`).
        callbacks: Keras callbacks. An epoch, to them, is a round.
        verbose: 0 prints nothing; 1 shows a progress bar and a row for each round, or in a notebook a bar and a curve
            that grows; 2 also details.

    Raises:
        TextError: The text is refused.
        SettingError: A setting is unknown or refused.
        MissingExtraError: The extra `train` is not installed.
        TrainingInterrupted: Ctrl-C; with `run`, the same call resumes.
        TrainingDivergedError: The loss is no longer a finite number.

    Example:
        >>> import nextword
        >>> nextword.train("my-text.txt", minutes=10)  # doctest: +SKIP
    """
    began = time.monotonic()
    named: dict[str, Any] = {"minutes": minutes, "epochs": epochs, "dropout": dropout, "seed": seed, "field": field}
    named["base"] = _path_of(base)
    given = tables_of({**(settings or {}), **{name: value for name, value in named.items() if value is not None}})
    if model is not None:
        given = _with_model(given, model)
    config = RunConfig.of(preset, given)
    with _context(callbacks, verbose) as context, _run_directory(run) as directory:
        former = RunConfig.of_run(directory) if directory.is_run else None
        directory.require_writable()
        if former is not None:
            config.require_kept_by(former)
        opened_base = None if former else base_of(config, _opened(base))[1]
        if isinstance(text, Corpus):
            _require_as_read(text, given, opened_base.bundle.tokenizer if opened_base else None)
        if former is not None:
            opened = Run.open(directory.root, context, text=text, model=model)
        else:
            opened = Run.begin(config, text, directory.root, context, model=model, base=opened_base, began=began)
        with opened as trained:
            if model is not None:
                _require_vocabulary(model, trained.text)
            trained.train()
            finished = trained.finish(write=run is not None)
        context.say(f"{finished.bundle.name}: {summary_of(finished.metrics)}")
        if run is not None and not distributed.process_id():
            export_run(directory, context.detail)
        history = TrainingHistory(finished.progress.records, finished.progress.points)
        return TrainedModel.of(start_engine(finished.bundle), history, None if run is None else directory.root)


def _path_of(base: TrainedModel | str | Path | None) -> str | None:
    """Return where a base is, or the name of a model that is in memory alone."""
    if isinstance(base, TrainedModel):
        return base.name if base.run is None else str(base.run)
    return None if base is None else str(base)


def _opened(base: TrainedModel | str | Path | None) -> Base | None:
    """Return a base that has no run to be read from."""
    return Base(base.bundle) if isinstance(base, TrainedModel) and base.run is None else None


def _require_as_read(text: Corpus, given: Tables, base: Tokenizer | None) -> None:
    """Raise `SettingError` unless a corpus was read as the settings say, and has the tokens of the base."""
    if base is not None:
        own, most = text.tokenizer, text.options.maximum_vocabulary
        is_full = most is not None and own.vocabulary_size >= most  # then words of the base were dropped
        if own.kind != base.kind or not (is_full or {*base.vocabulary.tokens} <= {*own.vocabulary.tokens}):
            raise SettingError(
                "the corpus must have the tokens of the base, but lacks some; load it by `Corpus.load(text, "
                "base=model.tokenizer)`, or give the text itself"
            )
    read = text.options.to_table()
    for name, value in given.get("text", {}).items():
        if value not in ("auto", read.get(name)):
            raise SettingError(
                f"`{name}` must be {read.get(name)}, as the corpus was read, but is {value}; give it to `Corpus.load`"
            )


@contextmanager
def _context(callbacks: Sequence["keras.callbacks.Callback"], verbose: int) -> Iterator[RunContext]:
    context = RunContext(callbacks=callbacks)
    if not verbose:
        yield context
        return
    if in_notebook():
        with NotebookDisplay() as display:
            yield _telling(replace(context, observer=display), print, verbose)
        return
    console = Console(highlight=False, soft_wrap=True, emoji=False)
    with ProgressBar(console) as bar:
        context = replace(context, observer=bar, reading=bar.on_reading)
        yield _telling(context, partial(console.print, markup=False), verbose)


def _telling(context: RunContext, say: Callable[[str], object], verbose: int) -> RunContext:
    """Return a context that prints its messages, and with `verbose` above 1 its details."""
    return replace(context, say=say, detail=say if verbose > 1 else context.detail)


@contextmanager
def _run_directory(run: str | Path | None) -> Iterator[RunDirectory]:
    if run is not None:
        yield RunDirectory(Path(run))
        return
    with tempfile.TemporaryDirectory(prefix="nextword-") as scratch:
        yield RunDirectory(Path(scratch))


def _with_model(given: Tables, model: "LanguageModel") -> dict[str, dict[str, Any]]:
    if named := given.get("model"):
        raise SettingError(
            f"`{next(iter(named))}` must not be given with `model`, which has its own; build the model with it"
        )
    own = {
        "model": model.architecture.options.to_table(),
        "training": {"seed": model.seed, "compute_dtype": model.product_dtype},
    }
    return merge_tables(own, given)


def _require_vocabulary(model: "LanguageModel", corpus: Corpus) -> None:
    known, size = model.architecture.vocabulary_size, corpus.tokenizer.vocabulary_size
    if known != size:
        raise SettingError(
            f"the model must have the vocabulary of the text, {size} tokens, but has {known}; "
            "build it with `vocabulary_size=corpus.tokenizer.vocabulary_size`"
        )
    if model.tokenizer_fingerprint not in ("", corpus.tokenizer.fingerprint):
        raise SettingError(
            "the model must have the words of the text, but was trained with other words or in another order; give the "
            "trained model as `base`, which matches words by their spelling"
        )
