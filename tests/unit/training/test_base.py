"""A run that starts from a trained model."""

import json
import random
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from nextword.api.train import train
from nextword.api.trained_model import TrainedModel, load
from nextword.bundle.store import read_bundle, read_card, write_bundle
from nextword.errors import SettingError, TrainingDivergedError, TrainingWarning
from nextword.text.corpus import Corpus
from nextword.text.options import TextOptions
from nextword.training.base import Base, chain_of
from nextword.training.checkpoint_store import CheckpointStore
from nextword.training.config import RunConfig
from nextword.training.progress import TrainingProgress
from support.arrays import assert_equal_to_the_bit
from support.checkpoint_stores import newest_of
from support.whole_runs import resume_run

NETWORK: dict[str, Any] = {"embedding_size": 8, "hidden_sizes": (12, 8), "tied": True}
SETTINGS: dict[str, Any] = {
    "batch_size": 4,
    "num_steps": 8,
    "learning_rate": 0.01,
    "schedule": "constant",
    "compute_dtype": "float32",
    "mixture": False,
}


def story(nouns: str, verbs: str) -> list[str]:
    chosen = random.Random(0)
    return [
        f"the {chosen.choice(nouns.split())} {chosen.choice(verbs.split())} a {chosen.choice(nouns.split())} today"
        for _ in range(150)
    ]


OLD, NEW = story("cat dog cow", "saw met"), story("cat dog bird", "saw ate")


def fit(text: Any, run: Path | None = None, callbacks: Any = (), base: Any = None, **changes: Any) -> TrainedModel:
    settings = {**SETTINGS, "epochs": 1.0, **changes}
    return train(text, base=base, preset="quick", run=run, settings=settings, callbacks=callbacks, verbose=0)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of a model of the old text."""
    root = tmp_path_factory.mktemp("base") / "old"
    fit(OLD, root, epochs=8.0, **NETWORK)
    return root


@pytest.fixture(scope="module")
def tuned(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run over the new text that started from that model."""
    root = tmp_path_factory.mktemp("tuned") / "new"
    fit(NEW, root, base=base, epochs=3.0, weight_decay=0.01)
    return root


def progress_of(run: Path) -> TrainingProgress:
    return TrainingProgress.from_table(newest_of(CheckpointStore(run / "checkpoints")).state["progress"])


def test_it_keeps_the_words_of_the_base_and_adds_those_of_the_text(base: Path, tuned: Path) -> None:
    old, new = (read_bundle(run / "model") for run in (base, tuned))
    assert set(new.tokenizer.vocabulary.tokens) == {*old.tokenizer.vocabulary.tokens, "bird", "ate"}
    assert new.architecture.hidden_sizes == old.architecture.hidden_sizes


def test_run_and_card_name_the_base(base: Path, tuned: Path) -> None:
    config, bundle = RunConfig.read(tuned / "config.toml"), read_bundle(base / "model")
    assert config.origin["base_sha256"] == Base(bundle).sha256
    assert f"| started from | {bundle.name} |" in read_card(tuned / "model").replace("\\", "")
    assert chain_of(config) == ["old"]


def test_the_start_is_round_0_and_the_model_is_at_least_as_good(tuned: Path) -> None:
    progress = progress_of(tuned)
    assert progress.start_perplexity is not None
    assert progress.best_perplexity < progress.start_perplexity
    valid = json.loads((tuned / "metrics.json").read_bytes())["splits"][0]
    assert valid["perplexity"] < 1.001 * progress.best_perplexity


def test_weight_decay_pulls_towards_the_start(tuned: Path) -> None:
    arrays = newest_of(CheckpointStore(tuned / "checkpoints")).arrays
    kept = [array for name, array in arrays.items() if name.startswith("optimizer/")]
    for name, weight in read_bundle(tuned / "start").weights.items():
        assert any(np.array_equal(array, weight) for array in kept), name


@pytest.mark.parametrize("options", [{}, {"tokenizer": "character"}], ids=str)
def test_a_corpus_without_the_tokens_of_the_base_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match="the corpus must have the tokens of the base, but lacks some"):
        fit(Corpus.load(NEW, TextOptions.from_table(options)), base="austen", epochs=0.0)


def test_a_corpus_may_have_the_words_of_the_base() -> None:
    corpus = Corpus.load(NEW, base=load("austen").tokenizer)
    model = fit(corpus, base="austen", epochs=0.0)
    assert {"pardon", "bird"} <= {*model.vocabulary}


def test_the_second_generation_names_texts_and_rights_of_the_first(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    fit(NEW, first, base="austen", epochs=0.0)
    fit(NEW, second, base=first, epochs=0.0)
    config = RunConfig.read(second / "config.toml")
    assert chain_of(config) == ["first", "austen"]
    assert "austen" in config.origin["base_text"]
    assert "public domain" in config.origin["base_license"]


@pytest.mark.parametrize(("given", "expected"), [({}, (0.0025, 1.0)), ({"learning_rate": 0.02}, (0.02, 1.0))])
def test_auto_takes_smaller_steps_from_a_base(
    base: Path, given: dict[str, float], expected: tuple[float, float]
) -> None:
    config = RunConfig.of("auto", {"training": {"base": str(base), **given}})
    settled = Base(read_bundle(base / "model")).settled(config).training
    assert (settled.learning_rate, settled.embedding_rate_ratio) == expected


@pytest.mark.parametrize("averaging", ["none", "exponential"])
def test_steps_that_only_harm_leaves_the_start(base: Path, tmp_path: Path, averaging: str) -> None:
    root = tmp_path / "run"
    model = fit(NEW, root, base=base, learning_rate=5.0, averaging=averaging)
    assert progress_of(root).best_round == 0
    assert_equal_to_the_bit(model.bundle.weights, read_bundle(root / "start").weights)


@pytest.mark.parametrize("varied", [False, True])
def test_no_epochs_leave_the_start_and_resume_to_it(base: Path, tmp_path: Path, varied: bool) -> None:
    root = tmp_path / "run"
    model = fit(NEW, root, base=base, epochs=0.0, variable_num_steps=varied)
    assert_equal_to_the_bit(model.bundle.weights, read_bundle(root / "start").weights)
    assert progress_of(root).finished
    assert resume_run(root).to_table()["best_round"] == 0
    assert not (root / "curves.svg").exists()


def test_a_divergence_names_the_start_which_is_kept(base: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingDivergedError, match="the checkpoint of step 0 is kept"):
        fit(NEW, tmp_path / "run", base=base, optimizer="sgd", learning_rate=1000.0, clip_norm=None)


def test_the_start_knows_new_words_by_their_counts(base: Path, tmp_path: Path) -> None:
    """The text's own words come out at about their share, which the mean bias of the base misses."""
    losses = {}
    for start in ("counts", "mean"):
        fit(NEW, tmp_path / start, base=base, epochs=0.0, start=start)
        losses[start] = progress_of(tmp_path / start).best_perplexity
    assert losses["counts"] < 0.9 * losses["mean"]


class InterruptAt(keras.callbacks.Callback):  # type: ignore[misc, unused-ignore]
    def __init__(self, epoch: int) -> None:
        super().__init__()
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if batch == 3 and self.model.optimizer.iterations > self._epoch * 30:
            raise KeyboardInterrupt


@pytest.mark.parametrize("rounds", [0, 1])
def test_a_killed_run_resumes_without_its_base(base: Path, tuned: Path, tmp_path: Path, rounds: int) -> None:
    moved, root = tmp_path / "moved", tmp_path / "run"
    shutil.copytree(base, moved)
    with pytest.raises(KeyboardInterrupt):
        fit(NEW, root, [InterruptAt(rounds)], base=moved, epochs=3.0, weight_decay=0.01)
    shutil.rmtree(moved)
    resumed = resume_run(root).bundle
    assert_equal_to_the_bit(resumed.weights, read_bundle(tuned / "model").weights)
    assert resumed.tokenizer.fingerprint == read_bundle(tuned / "model").tokenizer.fingerprint


def test_the_same_call_resumes_and_a_model_in_memory_is_a_base(base: Path, tuned: Path, tmp_path: Path) -> None:
    in_memory = replace(load(base), run=None)
    root = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        fit(NEW, root, [InterruptAt(0)], base=in_memory, epochs=3.0, weight_decay=0.01)
    resumed = fit(NEW, root, base=in_memory, epochs=3.0, weight_decay=0.01)
    assert_equal_to_the_bit(resumed.bundle.weights, read_bundle(tuned / "model").weights)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cell": "gru"}, "`cell` must not be given with `base`"),
        ({"hidden_sizes": (8, 24)}, "`hidden_sizes` must not be given with `base`, because sizes .* of the base"),
        ({"tokenizer": "character"}, "`tokenizer` must be word, as the words of the base"),
        ({"start": "random"}, "`start` must be counts or mean"),
    ],
)
def test_what_the_base_decides_cannot_be_given(base: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        fit(NEW, base=base, **changes)


@pytest.mark.parametrize("changes", [{"epochs": 0.0}, {"start": "mean"}])
def test_without_a_base_there_is_nothing_to_start_from(changes: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match="without `base`"):
        fit(NEW, **changes)


def test_an_output_with_a_kernel_is_extended(tmp_path: Path) -> None:
    model = fit(OLD, **{**NETWORK, "tied": False, "epochs": 8.0})
    fit(NEW, tmp_path / "run", base=model, epochs=0.0)
    assert progress_of(tmp_path / "run").best_perplexity < 5.0  # seven words in all


@pytest.mark.filterwarnings("ignore::nextword.errors.TrainingWarning")
@pytest.mark.parametrize(("kind", "is_merged"), [("character", True), ("subword", False)])
def test_characters_are_merged_and_subwords_kept(kind: str, is_merged: bool) -> None:
    old = fit(OLD, tokenizer=kind, **NETWORK)
    new = fit(["xyz, the cat"] * 300, base=old, epochs=0.0)
    assert set(old.vocabulary) <= set(new.vocabulary)
    assert ("x" in new.vocabulary) is is_merged


def test_as_many_other_words_are_no_vocabulary_of_a_trained_model() -> None:
    engine: Any = fit(OLD, **NETWORK).engine
    settings: Any = {**SETTINGS, "epochs": 0.1}
    train(OLD, model=engine.model, preset="quick", settings=settings, verbose=0)
    with pytest.raises(SettingError, match="other words"):
        train(story("cat dog cow", "ran fed"), model=engine.model, preset="quick", settings=settings, verbose=0)


def test_a_base_that_does_not_help_is_reported(base: Path) -> None:
    words = random.Random(0).choices(["the", "cat", "dog", "cow", "saw", "met", "a", "today"], k=2000)
    with pytest.warns(TrainingWarning, match="the base does not help"):
        fit([" ".join(words)] * 3, base=base, epochs=0.0)


def test_the_sample_in_eight_bits_is_a_base_and_the_model_is_used_as_any(tmp_path: Path) -> None:
    tuned = fit([f"{line} said Zorblax." for line in NEW], base="austen", epochs=0.0)
    assert "Zorblax" in [suggestion.text for suggestion in tuned.suggest("a dog today said", k=15)]
    assert "the text is in the public domain" in tuned.card
    write_bundle(tmp_path / "model", tuned.bundle)
    assert np.isfinite(load(tmp_path / "model").perplexity("the red birds said Zorblax."))
