"""`nextword.train` trains as the command does, leaves the same run, and resumes it."""

import json
import math
import random
import re
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from nextword.api.train import train
from nextword.api.trained_model import TrainedModel, load
from nextword.bundle.store import read_bundle, write_bundle
from nextword.errors import SettingError, TrainingInterrupted, TrainingWarning
from nextword.model.language_model import LanguageModel
from nextword.text.corpus import Corpus
from nextword.text.options import TextOptions, TokenizerKind
from nextword.training import result
from nextword.training.config import RunConfig
from nextword.training.plan import TimePlan
from nextword.training.planning import budget
from nextword.training.report.history import TrainingHistory
from nextword.training.start import Run
from support.arrays import assert_equal_to_the_bit
from support.whole_runs import resume_run

Fit = Callable[..., TrainedModel]

SETTINGS: dict[str, Any] = {
    "epochs": 2.0,
    "round_steps": 10,
    "batch_size": 4,
    "num_steps": 8,
    "schedule": "constant",
    "learning_rate": 0.02,
    "start": "random",
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder, chosen = tmp_path_factory.mktemp("fit"), random.Random(0)
    path = folder / "story.txt"
    lines = (" ".join(chosen.choices(["a", "cat", "saw", "the", "dog"], k=6)) for _ in range(200))
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return Corpus.load(path, cache_dir=folder / "cache")


def new_model(corpus: Corpus) -> LanguageModel:
    sizes = {"embedding_size": 8, "hidden_sizes": (8,)}
    vocabulary_size = corpus.tokenizer.vocabulary_size
    return LanguageModel.from_preset("quick", vocabulary_size=vocabulary_size, compute_dtype="float32", settings=sizes)


@pytest.fixture(scope="module")
def fitted(corpus: Corpus) -> Fit:
    """Fits a new model with the settings above."""
    return lambda run=None, callbacks=(), **changes: fit(new_model(corpus), corpus, run, callbacks, **changes)


def fit(model: LanguageModel, corpus: Corpus, run: Path | None, callbacks: Any = (), **changes: Any) -> TrainedModel:
    settings = {**SETTINGS, **changes}
    if "minutes" in settings:
        del settings["epochs"]
    return train(corpus, model=model, preset="quick", run=run, settings=settings, callbacks=callbacks, verbose=0)


class WorseFromTheThirdRound(keras.callbacks.Callback):  # type: ignore[misc, unused-ignore]
    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if epoch == 2:
            self.model.optimizer.learning_rate = 0.5


@pytest.fixture(scope="module")
def root(fitted: Fit, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run whose best round is not the last."""
    root = tmp_path_factory.mktemp("run") / "run"
    fitted(root, callbacks=[WorseFromTheThirdRound()])
    return root


@pytest.fixture
def copied(root: Path, tmp_path: Path) -> Path:
    shutil.copytree(root, tmp_path / "run")
    return tmp_path / "run"


def test_a_run_from_python_leaves_what_one_of_the_command_does(root: Path) -> None:
    names = {path.name for path in root.iterdir() if not path.name.startswith(".")}
    logs = {"log.jsonl", "log.csv", "points.jsonl"}
    assert names == {"config.toml", "checkpoints", "metrics.json", "model", *logs, "curves.svg"}
    config = RunConfig.read(root / "config.toml")
    assert (config.batching.batch_size, config.training.epochs, config.plan) == (4, 2.0, None)
    assert config.model.build(read_bundle(root / "model").architecture.vocabulary_size).hidden_sizes == (8,)


def test_the_same_call_gives_the_finished_model_again(fitted: Fit, copied: Path) -> None:
    bundle, written = read_bundle(copied / "model"), (copied / "metrics.json").read_bytes()
    config = (copied / "config.toml").read_bytes()
    shutil.rmtree(copied / "model")
    (copied / "metrics.json").unlink()
    again = fitted(copied)
    assert_equal_to_the_bit(again.bundle.weights, bundle.weights)
    assert_equal_to_the_bit(read_bundle(copied / "model").weights, bundle.weights)
    assert (copied / "metrics.json").read_bytes() == written
    assert (copied / "config.toml").read_bytes() == config


def test_without_a_directory_nothing_is_written_for_a_run(fitted: Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[object] = []
    writers = {result: ("write_bundle", "write_file", "draw_curves")}
    for module, name in ((module, name) for module, names in writers.items() for name in names):
        monkeypatch.setattr(module, name, lambda *arguments, **_named: kept.append(arguments))
    assert fitted(epochs=0.5).bundle.name == "story-quick"
    assert kept == []


def test_a_run_of_given_minutes_is_planned_once(fitted: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planned: list[float] = []

    def plan_time(config: RunConfig, *_others: object, **_named: object) -> RunConfig:
        planned.append(config.training.minutes or 0.0)
        plan = TimePlan(seconds=1e-3, passes_at_end=1.0, round_steps=7, planned_steps=(20, 18, 12))
        return replace(config, plan=plan)

    monkeypatch.setattr(budget, "plan_time", plan_time)
    first, again = (fitted(tmp_path / "run", minutes=1.0, schedule="linear") for _ in range(2))
    assert planned == [1.0]
    assert_equal_to_the_bit(again.bundle.weights, first.bundle.weights)
    plan = RunConfig.read(tmp_path / "run" / "config.toml").plan
    assert plan is not None
    assert plan.planned_steps == (20, 18, 12)


def test_settings_are_checked_by_name(corpus: Corpus) -> None:
    with pytest.raises(SettingError, match="did you mean `epochs`"):
        train(corpus, settings={"epoch": 1})
    with pytest.raises(SettingError, match="`epochs` and `minutes` must not be given together"):
        train(corpus, minutes=1, epochs=1)


def test_a_model_of_another_vocabulary_is_refused(corpus: Corpus) -> None:
    model = LanguageModel.from_preset("quick", vocabulary_size=50, settings={"hidden_sizes": (4,), "tied": False})
    with pytest.raises(SettingError, match="the model must have the vocabulary of the text, 7 tokens, but has 50"):
        train(corpus, model=model)


def test_a_model_that_exists_has_settings_of_its_own(corpus: Corpus) -> None:
    with pytest.raises(SettingError, match="`hidden_sizes` must not be given with `model`"):
        train(corpus, model=new_model(corpus), settings={"hidden_sizes": (4,)})


def test_dropout_is_one_rate(corpus: Corpus) -> None:
    with pytest.raises(SettingError, match=r"`dropout` must be below 1\.0, but is 1\.5"):
        train(corpus, dropout=1.5)


def test_a_run_that_began_keeps_its_settings(fitted: Fit, copied: Path) -> None:
    with pytest.raises(SettingError, match=r"`learning_rate` must be 0\.02 as when the run began, but is 0\.5"):
        fitted(copied, learning_rate=0.5)


def test_the_history_is_that_of_the_run(fitted: Fit, copied: Path) -> None:
    trained = fitted(copied)
    assert trained.history is not None
    assert len(trained.history) == json.loads((copied / "metrics.json").read_text(encoding="utf-8"))["rounds"]
    loaded = load(copied)
    assert loaded.history == trained.history
    assert trained.history.best.valid_perplexity == min(trained.history.valid_perplexity)


def test_a_path_can_be_resumed_by_the_command(tmp_path: Path, corpus: Corpus) -> None:
    text = tmp_path / "text.txt"
    text.write_text("the cat sat on the mat .\n" * 300, encoding="utf-8")
    sizes = {"embedding_size": 8, "hidden_sizes": (8,), "batch_size": 4, "num_steps": 8}
    model = train(text, preset="quick", epochs=0.1, settings=sizes, run=tmp_path / "run", verbose=0)
    other = shutil.copy(text, tmp_path / "other.txt")
    for each in (model, load(tmp_path / "run")):  # its own text has a test split, and another file is read as a whole
        own, whole = each.evaluate(text), each.evaluate(Path(other))
        assert (own.num_tokens, whole.num_tokens) == (14 * 8, 300 * 8)
        assert ("the test split of `text.txt`" in own.protocol, "all of `other.txt`" in whole.protocol) == (True, True)
    assert resume_run(tmp_path / "run").bundle.name == "text-quick"


@pytest.mark.slow
def test_rows_in_memory_are_trained_on_and_resumed_from_the_directory(tmp_path: Path, corpus: Corpus) -> None:
    rows = [{"body": line} for line in Path(corpus.stored_name).read_text(encoding="utf-8").splitlines()]
    trained = train(iter(rows), field="body", preset="quick", run=tmp_path, settings=SETTINGS, dropout=0.2, verbose=0)
    assert trained.name == "text-quick"
    resumed = resume_run(tmp_path)
    assert resumed.bundle.name == "text-quick"
    assert trained.bundle.architecture.hidden_dropout_rate == 0.2
    again = train(rows, field="body", preset="quick", run=tmp_path, settings=SETTINGS, dropout=0.2, verbose=0)
    assert again.score("the cat saw").log_prob == trained.score("the cat saw").log_prob


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*of the words are unknown")
def test_models_of_words_subwords_and_characters_are_compared_by_bits_per_character() -> None:
    lines = files("nextword.text").joinpath("samples/austen.txt").read_text(encoding="utf-8")[:60_000].splitlines()
    settings: dict[str, Any] = {"embedding_size": 64, "hidden_sizes": (64,), "mixture": False}
    kinds: tuple[TokenizerKind, ...] = ("word", "subword", "character")
    corpora = [Corpus.load(lines, TextOptions(tokenizer=kind, line_ends="line")) for kind in kinds]
    models = [train(corpus, preset="quick", epochs=4, settings=settings, verbose=0) for corpus in corpora]
    found = [model.evaluate(corpus.test) for model, corpus in zip(models, corpora, strict=True)]
    assert len({(each.num_characters, each.num_words) for each in found}) == 1
    assert [bool(each.num_out_of_vocabulary) for each in found] == [True, False, False]
    bits = [each.bits_per_character or 0.0 for each in found]
    assert 1.5 < min(bits) < max(bits) < 1.7 * min(bits) < 5.0
    assert max(each.perplexity for each in found) > 10 * min(each.perplexity for each in found)
    unspelled = -found[0].log_prob / math.log(2) / (found[0].num_characters or 0)
    assert unspelled < 0.9 * bits[0]


def test_progress_is_shown_unless_it_is_silenced(
    fitted: Fit, corpus: Corpus, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {**SETTINGS, "epochs": 0.5}
    train(corpus, model=new_model(corpus), preset="quick", settings=settings)
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert any(line.startswith("    1    0.") for line in lines)
    assert "parameters" in shown.out
    assert "longest line" not in shown.out
    assert re.fullmatch(r"[\w-]+: perplexity: valid [\d,.]+, test [\d,.]+", lines[-1])
    train(corpus, model=new_model(corpus), preset="quick", settings=settings, verbose=0)
    assert capsys.readouterr() == ("", "")
    train(corpus, model=new_model(corpus), preset="quick", settings={**settings, "epochs": 0.1}, verbose=2)
    assert "longest line" in capsys.readouterr().out


def test_keras_callbacks_see_the_validation_loss_and_can_stop_the_run(corpus: Corpus) -> None:
    seen: list[dict[str, float]] = []
    watch = keras.callbacks.LambdaCallback(on_epoch_end=lambda _epoch, logs: seen.append(dict(logs)))
    stop = keras.callbacks.EarlyStopping("val_loss", min_delta=100.0, patience=2)
    trained = fit(new_model(corpus), corpus, None, [watch, stop], epochs=9.0)
    assert trained.history is not None
    assert len(trained.history) == len(seen) == 3
    assert [np.exp(logs["val_loss"]) for logs in seen] == pytest.approx(trained.history.valid_perplexity)


def test_a_run_with_another_preset_is_refused(fitted: Fit, corpus: Corpus, copied: Path) -> None:
    with pytest.raises(SettingError, match="`preset` must be quick as when the run began, but is large"):
        train(corpus, model=new_model(corpus), preset="large", run=copied, settings=SETTINGS, verbose=0)


def test_text_settings_that_a_corpus_was_not_read_with_are_refused(corpus: Corpus) -> None:
    with pytest.raises(SettingError, match=r"`tokenizer` must be word, as the corpus was read, but is character"):
        train(corpus, settings={"tokenizer": "character"}, verbose=0)
    settings = {**SETTINGS, "tokenizer": "auto", "epochs": 0.1}  # what the corpus chose for itself is kept
    assert train(corpus, model=new_model(corpus), preset="quick", settings=settings, verbose=0).tokenizer.kind == "word"


def test_a_finished_run_keeps_its_exported_model(fitted: Fit, copied: Path) -> None:
    bundle = read_bundle(copied / "model")
    exported = replace(bundle, onnx=b"exported", card=bundle.card + "exported")
    write_bundle(copied / "model", exported, replace=True)
    fitted(copied)
    assert read_bundle(copied / "model").onnx == b"exported"
    resume_run(copied)
    assert read_bundle(copied / "model").card == exported.card


class InterruptBeforeTheFirstCheckpoint(keras.callbacks.Callback):  # type: ignore[misc, unused-ignore]
    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if batch == 5:
            raise KeyboardInterrupt


def test_a_pretrained_model_resumes_from_its_own_weights(corpus: Corpus, tmp_path: Path) -> None:
    weights = fit(new_model(corpus), corpus, None, epochs=1.0).bundle.weights

    def pretrained() -> LanguageModel:
        model = new_model(corpus)
        model.set_named_weights(weights)
        return model

    whole = fit(pretrained(), corpus, None, epochs=0.5)
    for resume in ("same object", "directory"):
        model, run = pretrained(), tmp_path / resume
        with pytest.raises(KeyboardInterrupt):
            fit(model, corpus, run, [InterruptBeforeTheFirstCheckpoint()], epochs=0.5)
        if resume == "directory":
            resumed = resume_run(run, corpus=corpus).bundle
        else:
            resumed = fit(model, corpus, run, epochs=0.5).bundle
        assert_equal_to_the_bit(resumed.weights, whole.bundle.weights)


def test_the_time_of_a_run_includes_reading_the_text(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began: list[float] = []

    def started(*_arguments: object, **named: Any) -> None:
        began.append(named["began"])
        raise SettingError("enough")

    monkeypatch.setattr(Run, "begin", started)
    before = time.monotonic()
    with pytest.raises(SettingError, match="enough"):
        train(corpus, verbose=0)
    assert before <= began[0] <= time.monotonic()


def test_ctrl_c_is_a_keyboard_interrupt() -> None:
    with pytest.raises(KeyboardInterrupt, match="SIGINT"):
        raise TrainingInterrupted(signal.SIGINT)


def test_a_damaged_log_does_not_hide_the_model(copied: Path) -> None:
    (copied / "log.jsonl").write_text("{", encoding="utf-8")
    with pytest.warns(TrainingWarning, match="the model has no history"):
        assert load(copied).history is None


def test_the_history_is_drawn_into_a_new_folder(fitted: Fit, copied: Path, tmp_path: Path) -> None:
    history = load(copied).history
    assert history is not None
    drawn = history.plot(tmp_path / "new" / "folder")
    assert drawn == tmp_path / "new" / "folder" / "curves.svg"
    assert drawn.is_file()
    assert repr(TrainingHistory(history.records[:1])).startswith("TrainingHistory(1 round, best valid perplexity")
