"""The metrics of a finished run: in the result, in its card, and in `metrics.json`."""

import random
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from nextword.bundle.bundle import Bundle
from nextword.bundle.model_card import figures_table
from nextword.bundle.run_directory import RunDirectory, read_split_metrics
from nextword.bundle.store import read_bundle, write_bundle
from nextword.engine.keras_engine import KerasEngine
from nextword.engine.opening import start_engine
from nextword.inference.evaluation.perplexity import evaluate
from nextword.model.language_model import LanguageModel
from nextword.text.corpus import Corpus
from nextword.text.options import TextOptions
from nextword.training.config import RunConfig
from nextword.training.context import RunContext
from nextword.training.progress import TrainingProgress
from nextword.training.result import FinishedRun, finish_run
from support.training_records import make_records

CONFIG = RunConfig.of(
    "quick",
    {"model": {"embedding_size": 8, "hidden_sizes": [8]}, "training": {"seed": 4, "compute_dtype": "float32"}},
    origin={"command": "nextword train story.txt"},
)
BIAS = "projection/bias"
PROGRESS = TrainingProgress(records=tuple(make_records(8.0, 6.0, 7.0)), best_round=2, finished=True)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder, chosen = tmp_path_factory.mktemp("result"), random.Random(0)
    path = folder / "story.txt"
    lines = (" ".join(chosen.choices(["a", "cat", "saw", "the", "dog"], k=6)) for _ in range(300))
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return Corpus.load(path, cache_dir=folder / "cache")


@pytest.fixture(scope="module")
def model(corpus: Corpus) -> LanguageModel:
    return LanguageModel(CONFIG.model.build(corpus.tokenizer.vocabulary_size), seed=4)


@pytest.fixture(scope="module")
def finished(model: LanguageModel, corpus: Corpus) -> FinishedRun:
    return finish_run(model, replace(corpus, name="my story.txt"), CONFIG, PROGRESS, RunContext())


def test_valid_and_test_metrics_match_an_evaluation(
    finished: FinishedRun, model: LanguageModel, corpus: Corpus
) -> None:
    engine = KerasEngine(model, end_id=corpus.tokenizer.vocabulary.end_id)
    assert [row.split for row in finished.metrics] == ["valid", "test"]
    for row, store in zip(finished.metrics, (corpus.valid, corpus.test), strict=True):
        expected = evaluate(engine, store.ids, batch_size=1)
        assert row.perplexity == pytest.approx(expected.perplexity, rel=1e-5)
        assert row.accuracy == pytest.approx(expected.accuracy)
        assert row.num_tokens == store.num_tokens
        assert row.bits_per_character > 0.1


def test_the_bundle_has_the_weights_and_its_card_the_metrics(
    finished: FinishedRun, model: LanguageModel, corpus: Corpus
) -> None:
    bundle = finished.bundle
    assert (bundle.name, finished.corpus) == ("my-story-quick", "my story.txt")
    assert (bundle.architecture, bundle.tokenizer) == (model.architecture, corpus.tokenizer)
    assert figures_table(finished.metrics) in bundle.card
    for promised in ("nextword train story.txt", corpus.sha256, "| seed | 4 |"):
        assert promised in bundle.card


def test_the_table_has_the_metrics_of_the_run(finished: FinishedRun) -> None:
    assert finished.to_table() == {
        "model": "my-story-quick",
        "corpus": "my story.txt",
        "num_parameters": finished.bundle.architecture.num_parameters,
        "rounds": 3,
        "steps": 30,
        "epochs": 1.5,
        "seconds": 3.0,
        "best_round": 2,
        "best_epoch": 1.0,
        "finished": True,
        "splits": [asdict(row) for row in finished.metrics],
    }


@pytest.mark.parametrize(("size", "is_warned"), [(4, True), (None, False)])
def test_many_unknown_words_are_warned_of(tmp_path: Path, size: int | None, is_warned: bool) -> None:
    path, chosen = tmp_path / "letters.txt", random.Random(0)
    path.write_text("".join(" ".join(chosen.choices("abcde", k=6)) + "\n" for _ in range(300)), encoding="utf-8")
    text = Corpus.load(path, TextOptions(maximum_vocabulary=size), cache_dir=tmp_path / "cache")
    network, said = LanguageModel(CONFIG.model.build(text.tokenizer.vocabulary_size)), list[str]()
    finish_run(network, text, CONFIG, PROGRESS, RunContext(warn=said.append))
    assert any("are unknown" in each for each in said) == is_warned


def test_it_is_shown_in_one_line(finished: FinishedRun) -> None:
    valid, test = (f"{row.split} {row.perplexity:,.2f}" for row in finished.metrics)
    used = f"test {finished.metrics[1].perplexity_as_used:,.2f} as used"
    assert repr(finished) == f"FinishedRun('my-story-quick' on 'my story.txt', perplexity: {valid}, {test}, {used})"


def test_the_bundle_has_a_mixture_and_its_card_what_it_brings(finished: FinishedRun, corpus: Corpus) -> None:
    mixture, (valid, test) = finished.bundle.mixture, finished.metrics
    assert mixture is not None
    assert valid.perplexity_as_used is None
    engine = start_engine(finished.bundle, "keras").engine
    used = evaluate(engine, corpus.test.ids).perplexity
    assert test.perplexity_as_used == pytest.approx(used, rel=1e-5)
    assert used < test.perplexity
    for said in ("## Mixture", f"{corpus.train.num_tokens:,} tokens of the training text", "Anyone who has the model"):
        assert said in finished.bundle.card


def test_figures_as_used_are_of_the_mixture_that_is_there(finished: FinishedRun, tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    for changed in (False, True):
        if changed:  # as `nextword mix --remove` does
            write_bundle(directory.model, finished.bundle.without_mixture(), replace=True)
        finished.write(directory, "quick", RunContext())
        (_, test) = read_split_metrics(directory.metrics_file)
        assert (test.perplexity_as_used is None) == changed
    assert read_bundle(directory.model).mixture is None


def test_without_a_mixture_the_network_is_all(model: LanguageModel, corpus: Corpus) -> None:
    config = replace(CONFIG, training=CONFIG.training.replace(mixture=False))
    plain = finish_run(model, corpus, config, PROGRESS, RunContext())
    assert plain.bundle.mixture is None
    assert [row.perplexity_as_used for row in plain.metrics] == [None, None]
    assert "Mixture" not in plain.bundle.card


@pytest.mark.parametrize(
    ("start", "end", "kept"), [(1.0, -1.0, 0.5), (0.0, 4.0, 0.5), (-2.0, 2 / 3, 0.75), (4.0, 0.0, 1.0)]
)
def test_training_from_a_base_is_kept_as_far_as_it_helps(
    model: LanguageModel, corpus: Corpus, start: float, end: float, kept: float
) -> None:
    """All weights but the biases are 0, and the best biases are known: those of the counts in valid."""
    counts = np.bincount(corpus.valid.ids, minlength=corpus.tokenizer.vocabulary_size) + 0.1
    best, wrong = np.log(counts / counts.sum()), np.random.default_rng(0).normal(size=len(counts))
    network = LanguageModel(model.architecture)
    nothing = {name: np.zeros_like(weights) for name, weights in model.named_weights().items()}
    weights = {at: {**nothing, BIAS: (best + at * wrong).astype(np.float32)} for at in (start, end)}
    network.set_named_weights(weights[end])
    base = Bundle("start", model.architecture, corpus.tokenizer, weights[start], "")
    said: list[str] = []
    progress = replace(PROGRESS, best_round=1)
    bundle = finish_run(network, corpus, CONFIG, progress, RunContext(say=said.append), base).bundle
    expected = weights[start][BIAS] + np.float32(kept) * (weights[end][BIAS] - weights[start][BIAS])
    np.testing.assert_allclose(bundle.weights[BIAS], expected, rtol=1e-6)
    assert any(f"{kept:.0%}" in line for line in said)
