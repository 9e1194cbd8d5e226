"""The result of a finished run: its model and its metrics."""

import json
import re
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from nextword.bundle.bundle import Bundle
from nextword.bundle.files import Weights, max_ngram_bytes
from nextword.bundle.mixture import Mixture
from nextword.bundle.model_card import ModelFacts, SplitMetrics, model_card, summary_of
from nextword.bundle.run_directory import RunDirectory
from nextword.bundle.store import read_bundle, read_mixture, write_bundle
from nextword.display.table import html_table
from nextword.engine.keras_engine import KerasEngine
from nextword.engine.mixture.mixture_engine import MixtureEngine, parts_of
from nextword.engine.mixture.tuning import fitted_mixture
from nextword.errors import BundleError, StorageError
from nextword.inference.evaluation.perplexity import (
    MANY_UNKNOWN,
    evaluate,
    num_rows,
    perplexity_in_rows,
    unknown_warning,
)
from nextword.model.language_model import LanguageModel
from nextword.system.files import write_file
from nextword.text.corpus import Corpus
from nextword.text.sources.names import SplitName
from nextword.training.base import card_rows
from nextword.training.config import RunConfig
from nextword.training.context import RunContext
from nextword.training.plan import MixturePlan
from nextword.training.progress import TrainingProgress
from nextword.training.report.history import draw_curves
from nextword.training.step.stream_model import fingerprint

_MAX_BATCH_SIZE = 32
_SHARES = (1.0, 0.75, 0.5)  # shares of what training changed in a base that are tried


@dataclass(frozen=True)
class FinishedRun:
    """The result of a run."""

    bundle: Bundle
    corpus: str  # the name of the text
    metrics: tuple[SplitMetrics, ...]  # metrics on the valid and the test split, one row each
    progress: TrainingProgress  # the record of each round

    def __repr__(self) -> str:
        return f"FinishedRun({self.bundle.name!r} on {self.corpus!r}, {summary_of(self.metrics)})"

    def _repr_html_(self) -> str:
        rows = [
            (
                row.split,
                f"{row.bits_per_character:.3f}",
                f"{row.perplexity:,.2f}",
                f"{row.accuracy:.2%}",
                f"{row.num_tokens:,}",
            )
            for row in self.metrics
        ]
        names = ("split", "bits per character", "perplexity", "accuracy", "tokens")
        return html_table(names, rows, title=f"{self.bundle.name} on {self.corpus}")

    def to_table(self) -> dict[str, Any]:
        """Return the metrics of the run, the content of `metrics.json`."""
        progress = self.progress
        return {
            "model": self.bundle.name,
            "corpus": self.corpus,
            "num_parameters": self.bundle.architecture.num_parameters,
            "rounds": progress.rounds,
            "steps": progress.steps,
            "epochs": progress.records[-1].epoch if progress.records else 0.0,
            "seconds": progress.seconds,
            "finished": progress.finished,
            "best_round": progress.best_round,
            "best_epoch": progress.best_epoch,
            **({} if progress.start_perplexity is None else {"start_perplexity": progress.start_perplexity}),
            "splits": [asdict(row) for row in self.metrics],
        }

    def write(self, directory: RunDirectory, preset: str, context: RunContext) -> None:
        """Write bundle, metrics and curves to the directory of the run."""
        _write_model(directory.model, self.bundle)
        write_file(directory.metrics_file, (json.dumps(self.to_table(), indent=2) + "\n").encode())
        if read_mixture(directory.model) != (self.bundle.mixture and self.bundle.mixture.facts):  # by `nextword mix`
            directory.drop_figures_as_used()
        records, points = self.progress.records, self.progress.points
        try:
            if records:  # a base that was adapted only has none
                draw_curves(records, directory.root, points=points, title=f"{preset} on {self.corpus}")
        except StorageError as error:  # a missing picture must not fail the run
            context.warn(f"no curves were drawn: {error}")


def finish_run(
    model: LanguageModel,
    corpus: Corpus,
    config: RunConfig,
    progress: TrainingProgress,
    context: RunContext,
    start: Bundle | None = None,
) -> FinishedRun:
    """Evaluate a trained model on the valid and the test split, and return it with its metrics.

    A model with a base is brought back towards its `start` first, as far as that helps.
    """
    context.say("evaluating the best weights on valid and test")
    engine = KerasEngine(model, end_id=corpus.tokenizer.vocabulary.end_id)
    if start is not None and progress.best_round:
        share, valid = _brought_back(engine, start.weights, corpus)
        context.say(f"keeping {share:.0%} of what training changed, as is best on valid")
    else:
        valid = _metrics(engine, corpus, "valid")
    static = (valid, _metrics(engine, corpus, "test"))
    mixture, about, metrics = _mixed(engine, corpus, config, static, context)
    share = max(row.num_out_of_vocabulary / row.num_tokens for row in metrics)
    if share > MANY_UNKNOWN:
        context.warn(unknown_warning(share))
    facts = ModelFacts(
        name=_file_name(f"{Path(corpus.name).stem}-{config.preset}"),
        architecture=model.architecture,
        corpus=corpus.name,
        corpus_sha256=corpus.sha256,
        tokenizer_kind=corpus.tokenizer.kind,
        command=config.origin.get("command", "nextword.train(...)"),
        seed=config.training.seed,
        date=datetime.now(UTC).date().isoformat(),
        versions=fingerprint(),
        metrics=metrics,
        mixture=about,
        base=card_rows(config),
    )
    bundle = Bundle(
        facts.name, model.architecture, corpus.tokenizer, model.named_weights(), model_card(facts), mixture=mixture
    )
    return FinishedRun(bundle, corpus.name, metrics, progress)


def _brought_back(engine: KerasEngine, start: Weights, corpus: Corpus) -> tuple[float, SplitMetrics]:
    r"""Bring the weights back towards the start; return the share $a$ of the change that is kept, and its metrics.

    $$w = s + a (w_T - s)$$

    Of 1, 3/4 and 1/2, the share of the lowest perplexity on valid is taken. Between a start and the weights after
    training lie some that forget less and read new text better (Wortsman et al. 2022, section 3).
    """
    model = engine.model
    trained, found = model.named_weights(), dict[float, SplitMetrics]()
    for share in _SHARES:
        model.set_named_weights(_between(start, trained, share))
        found[share] = _metrics(engine, corpus, "valid")
    best = min(found, key=lambda share: found[share].perplexity)
    model.set_named_weights(_between(start, trained, best))
    return best, found[best]


def _between(start: Weights, trained: Weights, share: float) -> Weights:
    """Return the weights at this share of the way; those of training, to the bit, at 1."""
    if share == 1.0:
        return trained
    return {name: start[name] + np.float32(share) * (weights - start[name]) for name, weights in trained.items()}


def _write_model(path: Path, bundle: Bundle) -> None:
    """Write the bundle, unless the same model is there: it may have been exported since."""
    with suppress(BundleError):
        if path.is_dir() and read_bundle(path).is_same_model(bundle):
            return
    write_bundle(path, bundle, replace=True)


def _mixed(
    engine: KerasEngine, corpus: Corpus, config: RunConfig, metrics: tuple[SplitMetrics, ...], context: RunContext
) -> tuple[Mixture | None, dict[str, str], tuple[SplitMetrics, ...]]:
    """Return what to mix with the network, what the card says of it, and the metrics with its perplexity."""
    plan = MixturePlan.of(config.training, corpus, config.plan.token_seconds if config.plan else 0.0)
    if plan is None:
        return None, {}, metrics
    context.say("fitting the mixture")
    most = max_ngram_bytes(engine.model.architecture)
    fitted = fitted_mixture(engine, corpus.train.ids, corpus.valid.ids, max_bytes=most, effort=plan.effort)
    if fitted.mixture is None:
        context.detail("no mixture: neither n-grams nor a cache help on valid")
        return None, {}, metrics
    if plan.measures_test:
        perplexity, protocol = perplexity_in_rows(MixtureEngine(engine, parts_of(fitted.mixture)), corpus.test.ids)
        said = f"{protocol}; {fitted.mixture.settings.protocol}"
        metrics = tuple(
            replace(row, perplexity_as_used=perplexity, protocol_as_used=said) if row.split == "test" else row
            for row in metrics
        )
    return fitted.mixture, fitted.facts, metrics


def _metrics(engine: KerasEngine, corpus: Corpus, split: SplitName) -> SplitMetrics:
    store = corpus.split(split)
    unknown_id = corpus.tokenizer.unknown_id_in(store.report.num_out_of_vocabulary)
    batch_size = num_rows(store.num_tokens, _MAX_BATCH_SIZE)
    result = evaluate(engine, store.ids, batch_size=batch_size, unknown_id=unknown_id).with_counts(store)
    return SplitMetrics(
        split=split,
        perplexity=result.perplexity,
        bits_per_character=result.bits_per_character or 0.0,
        accuracy=result.accuracy,
        num_tokens=result.num_tokens,
        num_out_of_vocabulary=result.num_out_of_vocabulary or 0,
        protocol=result.protocol,
    )


def _file_name(name: str) -> str:
    """Return `name` with only the characters that a bundle allows: letters, digits, dots, dashes, underscores."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")[:64] or "model"
