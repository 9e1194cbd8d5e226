"""From a trained model to its bundle, with the figures of its card."""

import re
from datetime import UTC, datetime

from nextword.bundle.bundle import Bundle
from nextword.bundle.model_card import ModelFacts, SplitMetrics, model_card
from nextword.engine.keras_engine import KerasEngine
from nextword.evaluation.perplexity import evaluate
from nextword.models.language_model import LanguageModel
from nextword.text.corpus import Corpus
from nextword.text.source import SplitName
from nextword.training.config import RunConfig
from nextword.training.step import fingerprint

_LARGEST_BATCH = 32
_TOKENS_PER_ROW = 1024  # four times what a row reads before its own: short splits are read as one stream


def make_bundle(model: LanguageModel, corpus: Corpus, config: RunConfig, *, name: str) -> Bundle:
    """Evaluate a model on valid and test, and return it as a bundle."""
    facts = ModelFacts(
        name=_file_name(name),
        architecture=model.architecture,
        corpus=corpus.name,
        corpus_sha256=corpus.sha256,
        tokenizer_kind=corpus.tokenizer.kind,
        command=config.origin.get("command", "nextword.fit(...)"),
        seed=config.training.seed,
        date=datetime.now(UTC).date().isoformat(),
        versions=fingerprint(),
        metrics=[_metrics(model, corpus, "valid"), _metrics(model, corpus, "test")],
    )
    return Bundle(facts.name, model.architecture, corpus.tokenizer, model.named_weights(), model_card(facts))


def _metrics(model: LanguageModel, corpus: Corpus, split: SplitName) -> SplitMetrics:
    engine = KerasEngine(model, end_id=corpus.tokenizer.vocabulary.end_id)
    store = corpus.split(split)
    batch_size = max(1, min(_LARGEST_BATCH, store.num_tokens // _TOKENS_PER_ROW))
    result = evaluate(engine, store.ids, batch_size=batch_size).with_counts(
        num_words=store.num_words,
        num_characters=store.num_characters,
        num_out_of_vocabulary=store.report.num_out_of_vocabulary,
    )
    return SplitMetrics(
        split=split,
        perplexity=result.perplexity,
        bits_per_word=result.bits_per_word or 0.0,
        accuracy=result.accuracy,
        num_tokens=result.num_tokens,
        protocol=result.protocol,
    )


def _file_name(name: str) -> str:
    """Return `name` as the bundle allows it: letters, digits, dots, dashes and underscores."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")[:64] or "model"
