"""The result of a finished run: its model and its metrics."""

import json
import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nextword.bundle.bundle import Bundle
from nextword.bundle.model_card import ModelFacts, SplitMetrics, model_card, summary_of
from nextword.disk.files import write_file
from nextword.display.table import html_table
from nextword.engine.keras.keras_engine import KerasEngine
from nextword.inference.evaluation.perplexity import evaluate
from nextword.model.language_model import LanguageModel
from nextword.text.corpus import Corpus
from nextword.text.sources.names import SplitName
from nextword.training.config import RunConfig
from nextword.training.progress import TrainingProgress
from nextword.training.step.stream_model import fingerprint

_MAX_BATCH_SIZE = 32
_TOKENS_PER_ROW = 1024  # four times the burn-in of a row; a short split is read as one stream


@dataclass(frozen=True)
class FinishedRun:
    """The result of a run.

    Attributes:
        bundle: The model.
        corpus: The name of the text.
        metrics: Metrics on the valid and the test split, one row each.
        progress: The record of each round.
    """

    bundle: Bundle
    corpus: str
    metrics: tuple[SplitMetrics, ...]
    progress: TrainingProgress

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
        best = self.progress.records[self.progress.best_round - 1]
        return {
            "model": self.bundle.name,
            "corpus": self.corpus,
            "num_parameters": self.bundle.architecture.num_parameters,
            "rounds": self.progress.rounds,
            "steps": self.progress.steps,
            "epochs": self.progress.records[-1].epoch,
            "seconds": self.progress.seconds,
            "finished": self.progress.finished,
            "best_round": best.round,
            "best_epoch": best.epoch,
            "splits": [asdict(row) for row in self.metrics],
        }


def finish_run(
    model: LanguageModel, corpus: Corpus, config: RunConfig, progress: TrainingProgress, *, name: str
) -> FinishedRun:
    """Evaluate a trained model on the valid and the test split, and return it with its metrics."""
    metrics = (_metrics(model, corpus, "valid"), _metrics(model, corpus, "test"))
    facts = ModelFacts(
        name=_file_name(name),
        architecture=model.architecture,
        corpus=corpus.name,
        corpus_sha256=corpus.sha256,
        tokenizer_kind=corpus.tokenizer.kind,
        command=config.origin.get("command", "nextword.train(...)"),
        seed=config.training.seed,
        date=datetime.now(UTC).date().isoformat(),
        versions=fingerprint(),
        metrics=metrics,
    )
    bundle = Bundle(facts.name, model.architecture, corpus.tokenizer, model.named_weights(), model_card(facts))
    return FinishedRun(bundle, corpus.name, metrics, progress)


def write_metrics(path: Path, finished: FinishedRun) -> None:
    """Write the metrics of a run as JSON.

    Raises:
        StorageError: The file cannot be written.
    """
    write_file(path, (json.dumps(finished.to_table(), indent=2) + "\n").encode())


def _metrics(model: LanguageModel, corpus: Corpus, split: SplitName) -> SplitMetrics:
    engine = KerasEngine(model, end_id=corpus.tokenizer.vocabulary.end_id)
    store = corpus.split(split)
    batch_size = max(1, min(_MAX_BATCH_SIZE, store.num_tokens // _TOKENS_PER_ROW))
    unknown_id = corpus.tokenizer.unknown_id_in(store.report.num_out_of_vocabulary)
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
