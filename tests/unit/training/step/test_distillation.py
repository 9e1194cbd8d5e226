import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keras import ops

from nextword.api.train import train
from nextword.bundle.origin import sample_model_path
from nextword.bundle.store import read_bundle
from nextword.errors import BundleError, NextwordError, SettingError
from nextword.model.architecture import Architecture
from nextword.model.language_model import LanguageModel
from nextword.model.ops.cross_entropy import Candidates
from nextword.text.batching.window import make_windows
from nextword.text.corpus import Corpus
from nextword.text.options import BatchOptions
from nextword.training.config import RunConfig
from nextword.training.options import TrainingOptions
from nextword.training.planning.speed import measure_training
from nextword.training.step.distillation import DistilledStreamModel, Teacher, teacher_of
from nextword.training.step.step import as_batch
from nextword.training.step.stream_model import named_variables
from support.small_run import SMALL_RUN_SETTINGS, small_run_text


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    path = tmp_path_factory.mktemp("text") / "pets.txt"
    path.write_text(small_run_text(), encoding="utf-8")
    return Corpus.load(path)


def run_of(corpus: Corpus, root: Path, **settings: Any) -> Path:
    train(corpus, preset="quick", epochs=1, run=root, settings={**SMALL_RUN_SETTINGS, **settings}, verbose=0)
    return root


@pytest.fixture(scope="module")
def teacher_run(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_of(corpus, tmp_path_factory.mktemp("runs") / "teacher")


def test_a_teacher_predicts_without_dropout(teacher_run: Path) -> None:
    assert read_bundle(teacher_run / "model").architecture.hidden_dropout_rate > 0
    model = Teacher.open(teacher_run).model
    tokens = np.arange(10, dtype=np.int32).reshape(2, 5) % model.architecture.vocabulary_size
    np.testing.assert_array_equal(model(tokens, training=True)[0], model(tokens)[0])


def last_record(run: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((run / "log.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    return record


def loss_of(
    model: LanguageModel, teacher: Teacher, batch: Any, *, weight: float, training: bool = True, sampler: Any = None
) -> float:
    inputs, targets, weights = batch
    stream = DistilledStreamModel(model, TrainingOptions(), batch_size=len(targets), teacher=teacher, sampler=sampler)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nextword.training.step.distillation.TEACHER_WEIGHT", weight)
        outputs = stream(inputs, training=training)
        return float(stream.compute_loss(inputs, targets, outputs, weights, training=training))


def log_probs_of(model: LanguageModel, tokens: Any) -> Any:
    return np.asarray(ops.log_softmax(model(tokens)[0]), np.float64)


@pytest.fixture(scope="module")
def small() -> tuple[LanguageModel, Teacher, Any]:
    """A student, a teacher of another cell and size, and a batch with tokens that do not count."""
    architecture = Architecture(vocabulary_size=30, embedding_size=5, hidden_sizes=(7,), cell="gru")
    student = LanguageModel(architecture, seed=1)
    model = LanguageModel(Architecture(vocabulary_size=30, embedding_size=4, hidden_sizes=(6, 4)), seed=2)
    ids = np.random.default_rng(0).integers(30, size=100, dtype=np.int32)
    windows = make_windows(ids, BatchOptions(batch_size=3, num_steps=8), end_id=0)
    inputs, targets, weights = as_batch(windows.window(0))
    weights = np.where(np.arange(8) % 3 == 0, 0.0, weights).astype(np.float32)
    return student, Teacher(model, None, "sum"), (inputs, targets, weights)  # type: ignore[arg-type]


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_loss_is_that_of_the_equation(small: Any, share: float) -> None:
    student, teacher, (inputs, targets, weights) = small
    own = log_probs_of(student, inputs["tokens"])
    theirs = np.exp(log_probs_of(teacher.model, inputs["tokens"]))
    text = -np.take_along_axis(own, targets[..., None], axis=-1)[..., 0]
    taught = -(theirs * own).sum(axis=-1)
    expected = (weights * ((1 - share) * text + share * taught)).sum() / weights.sum()
    assert loss_of(student, teacher, small[2], weight=share) == pytest.approx(expected, rel=1e-5)


def test_with_candidates_teacher_and_student_choose_among_them(small: Any) -> None:
    student, teacher, (inputs, targets, weights) = small
    ids = np.random.default_rng(1).permutation(30)[:20].astype(np.int32)
    targets = ids[targets % 20]
    candidates = Candidates(
        ids,
        np.linspace(-1.0, 0.5, 20, dtype=np.float32),
        np.argsort(ids)[np.searchsorted(np.sort(ids), targets.ravel())],
    )

    def among(model: LanguageModel) -> Any:
        logits = np.asarray(model(inputs["tokens"])[0], np.float64)[..., ids] + candidates.log_weights
        return logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)

    own = among(student)
    text = -np.take_along_axis(own, candidates.places.reshape(*targets.shape, 1), axis=-1)[..., 0]
    expected = (
        weights * (0.75 * text - 0.25 * (np.exp(among(teacher.model)) * own).sum(axis=-1))
    ).sum() / weights.sum()
    found = loss_of(student, teacher, (inputs, targets, weights), weight=0.25, sampler=lambda _targets: candidates)
    assert found == pytest.approx(expected, rel=1e-5)


def test_validation_does_not_ask_the_teacher(small: Any) -> None:
    student, teacher, batch = small
    losses = {loss_of(student, teacher, batch, weight=share, training=False) for share in (0.0, 1.0)}
    assert losses == {loss_of(student, teacher, batch, weight=0.0)}


def test_the_teacher_carries_its_state_from_window_to_window(small: Any) -> None:
    student, teacher, (inputs, targets, weights) = small
    stream = DistilledStreamModel(student, TrainingOptions(), batch_size=3, teacher=teacher)
    losses = []
    for reset in (True, False, True):
        window = {**inputs, "reset": np.full(3, reset)}
        student_outputs = stream(window, training=True)
        stream.train_state.assign(student.initial_state(3))
        losses.append(float(stream.compute_loss(window, targets, student_outputs, weights)))
    assert losses[0] != losses[1]
    assert losses[2] == pytest.approx(losses[0], rel=1e-6)


def test_only_the_student_has_weights_to_train_and_to_save(small: Any) -> None:
    student, teacher, (_, targets, _) = small
    stream = DistilledStreamModel(student, TrainingOptions(), batch_size=len(targets), teacher=teacher)
    stream.compile(optimizer="sgd")
    assert len(stream.trainable_variables) == len(student.trainable_variables)
    saved = {id(variable) for variable in named_variables(stream).values()}
    assert not saved & set(map(id, teacher.model.variables))
    assert saved.issuperset(map(id, stream.teacher_state.variables))


def test_a_run_learns_from_a_teacher_and_leaves_it_alone(corpus: Corpus, teacher_run: Path, tmp_path: Path) -> None:
    before = Teacher.open(teacher_run).sha256
    alone = run_of(corpus, tmp_path / "alone", seed=3)
    taught = run_of(corpus, tmp_path / "taught", seed=3, teacher=str(teacher_run))
    assert last_record(alone)["valid_perplexity"] != last_record(taught)["valid_perplexity"]
    assert last_record(taught)["valid_perplexity"] < 10.0  # the text is two sentences
    assert Teacher.open(teacher_run).sha256 == before
    assert f"| fingerprint of the teacher | {before} |" in read_bundle(taught / "model").card
    assert "teacher" not in read_bundle(alone / "model").card


def test_a_teacher_that_has_changed_is_refused(corpus: Corpus, teacher_run: Path, tmp_path: Path) -> None:
    other = run_of(corpus, tmp_path / "other", seed=9)
    config = RunConfig.of("quick", {"training": {"teacher": str(teacher_run)}})
    config = Teacher.open(teacher_run).noted_in(config)
    moved = config.training.replace(teacher=str(other))
    with pytest.raises(SettingError, match=r"must be resumed with its teacher, but .* has changed"):
        teacher_of(RunConfig.from_tables({**config.to_tables(), "training": moved.to_table()}), corpus.tokenizer)


def test_a_teacher_with_another_vocabulary_is_refused_before_training(teacher_run: Path, tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("a bird sings .\n" * 200, encoding="utf-8")
    with pytest.raises(SettingError, match="`teacher` must have the tokenizer of the text"):
        run_of(Corpus.load(tmp_path / "other.txt"), tmp_path / "run", teacher=str(teacher_run))
    assert not (tmp_path / "run" / "config.toml").exists()


@pytest.mark.parametrize("where", ["missing", "slim"])
def test_a_teacher_without_weights_is_refused(corpus: Corpus, tmp_path: Path, where: str) -> None:
    path = tmp_path / "missing" if where == "missing" else sample_model_path("austen")
    with pytest.raises((BundleError, NextwordError), match=r"missing|must have its float32 weights"):
        run_of(corpus, tmp_path / "run", teacher=str(path))


def test_the_same_call_resumes_a_run_whose_teacher_has_a_relative_path(
    corpus: Corpus, teacher_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(teacher_run.parent)
    run = run_of(corpus, tmp_path / "run", teacher=teacher_run.name)
    assert RunConfig.read(run / "config.toml").training.teacher == str(teacher_run.resolve())
    run_of(corpus, run, teacher=teacher_run.name)


def test_a_teacher_that_is_gone_is_named_with_the_repair(corpus: Corpus, teacher_run: Path, tmp_path: Path) -> None:
    config = RunConfig.of("quick", {"training": {"teacher": str(tmp_path / "gone")}})
    with pytest.raises(BundleError, match=r"^[^,]*gone"):
        teacher_of(config, corpus.tokenizer)
    config = replace(config, origin={"teacher_sha256": "of before"})
    with pytest.raises(
        BundleError, match=r"must be resumed with its teacher, but .*gone.*; restore it, or write where"
    ):
        teacher_of(config, corpus.tokenizer)


def test_the_speed_with_a_teacher_of_another_size_is_not_measured(teacher_run: Path) -> None:
    config = RunConfig.of("quick", {"training": {"teacher": str(teacher_run), "compute_dtype": "float32"}})
    with pytest.raises(SettingError, match="`teacher` must have as many tokens as the model, 10,000, but has"):
        measure_training(config, seconds=0.1)
