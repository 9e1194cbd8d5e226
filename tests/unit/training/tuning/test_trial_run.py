import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.errors import BundleError, SettingError, StorageError, TextError, TrainingDivergedError
from nextword.text.batching.streams import make_windows
from nextword.text.corpus import Corpus
from nextword.text.encoding.token_store import TokenStore
from nextword.text.options import TextOptions
from nextword.text.reading.reader import TextRange
from nextword.training.config import RunConfig
from nextword.training.context import RunContext
from nextword.training.plan import Plan
from nextword.training.start import Run
from nextword.training.tuning import trial_run
from nextword.training.tuning.database import Outcome
from nextword.training.tuning.study_settings import SweepOptions
from nextword.training.tuning.trial_run import PruningCallback, StudyText, TrialRun
from support.small_studies import BASE


def test_a_folder_needs_no_test_split(folder_without_test: Path) -> None:
    text = StudyText.load(folder_without_test, BASE.text)
    assert (text.train.num_tokens, text.valid.num_tokens) == (2100, 280)


def test_the_last_part_of_a_file_is_never_read(
    folder_without_test: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = (folder_without_test / "train.txt").read_bytes()
    path = tmp_path / "one.txt"
    path.write_bytes(content[:-20] + b"\xff\xff\n")
    options = TextOptions(minimum_count=1)
    with pytest.raises(TextError, match="UTF-8"):
        Corpus.load(path, options)
    parts: list[tuple[int, int]] = []
    make = TokenStore.of.__func__  # type: ignore[attr-defined]

    def remember(cls: type, part: TextRange, /, *arguments: Any, **named: Any) -> object:
        parts.append((part.start, part.stop))
        return make(cls, part, *arguments, **named)

    monkeypatch.setattr(TokenStore, "of", classmethod(remember))
    StudyText.load(path, options)
    assert len(parts) == 2
    assert max(stop for _, stop in parts) < len(content) * 0.97


def test_the_ids_and_the_hash_match_the_corpus(folder_without_test: Path, tmp_path: Path) -> None:
    for name in ("train.txt", "valid.txt"):
        (tmp_path / name).write_bytes((folder_without_test / name).read_bytes())
    (tmp_path / "test.txt").write_bytes((folder_without_test / "valid.txt").read_bytes())
    options = TextOptions(minimum_count=1)
    text, corpus = StudyText.load(tmp_path, options), Corpus.load(tmp_path, options)
    assert text.sha256 == corpus.sha256_without_test != corpus.sha256
    assert text.tokenizer == corpus.tokenizer
    assert text.options == corpus.options
    for mine, theirs in ((text.train, corpus.train), (text.valid, corpus.valid)):
        assert (mine.ids == theirs.ids).all()


class Reports:
    def __init__(self, end_after: int | None = None) -> None:
        self.seen: dict[int, float] = {}
        self.end_after = end_after

    def __call__(self, round_number: int, perplexity: float) -> bool:
        self.seen[round_number] = perplexity
        return round_number == self.end_after


@dataclass(frozen=True)
class Speed:
    words_per_second: float

    def __call__(self, config: RunConfig, vocabulary_size: int, *, seconds: float, teacher: object) -> "Speed":
        assert config.training.compute_dtype == "float32"
        assert vocabulary_size > 1
        return self


class Model:
    stop_training = False


@pytest.fixture(scope="module")
def run(folder_without_test: Path) -> TrialRun:
    text = StudyText.load(folder_without_test, BASE.text)
    return TrialRun(text, SweepOptions(rounds=4), RunContext())


def rounds_of(root: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (root / "log.jsonl").read_text(encoding="utf-8").splitlines()]


def test_a_trial_can_be_pruned_and_resumed(run: TrialRun, tmp_path: Path) -> None:
    early = Reports(end_after=2)
    outcome = run.train(BASE, tmp_path, early)
    assert outcome.kind == "pruned"
    assert outcome.why == f"stopped by the pruner after round 2 of 4, at {early.seen[2]:,.2f}"
    assert [record["round"] for record in rounds_of(tmp_path)] == [1, 2]

    late = Reports()
    outcome = run.train(BASE, tmp_path, late)
    assert list(late.seen) == [3, 4]
    reported = {**early.seen, **late.seen}
    assert outcome == Outcome("complete", min(reported.values()))
    assert [record["valid_perplexity"] for record in rounds_of(tmp_path)] == list(reported.values())
    assert reported[4] < reported[1]
    assert not (tmp_path / "model").exists()

    config = RunConfig.read(tmp_path / "config.toml")
    assert config.origin["text_sha256"] == run.text.sha256
    assert config.model == BASE.model


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (TrainingDivergedError("the loss is nan"), Outcome("pruned", why="diverged: the loss is nan")),
        (SettingError("does not fit"), Outcome("failed", why="does not fit")),
        (MemoryError("too wide"), Outcome("failed", why="out of memory: too wide")),
        (MemoryError(), Outcome("failed", why="out of memory: ")),
        (
            RuntimeError("RESOURCE_EXHAUSTED: 9 GB\nat"),
            Outcome("failed", why="out of memory: RESOURCE_EXHAUSTED: 9 GB"),
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_problems_with_the_settings_are_an_outcome(
    run: TrialRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, outcome: Outcome
) -> None:
    def fail(*_arguments: object) -> None:
        raise error

    monkeypatch.setattr(Run, "train", fail)
    assert run.train(BASE, tmp_path, Reports()) == outcome


@pytest.mark.parametrize("error", [StorageError("the disk is full"), RuntimeError("a defect of ours")])
def test_other_problems_are_raised(
    run: TrialRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_arguments: object) -> None:
        raise error

    monkeypatch.setattr(Run, "train", fail)
    with pytest.raises(type(error), match=str(error)):
        run.train(BASE, tmp_path, Reports())


@given(st.integers(1, 40), st.integers(1, 16), st.floats(0.05, 20))
def test_rounds_are_equal_fractions_for_any_batch_size(
    run: TrialRun, rounds: int, batch_size: int, epochs: float
) -> None:
    config = replace(
        BASE, batching=BASE.batching.replace(batch_size=batch_size), training=BASE.training.replace(epochs=epochs)
    )
    options = run.options.replace(rounds=rounds)
    windows = make_windows(run.text.train.ids, config.batching, end_id=run.text.tokenizer.vocabulary.end_id)
    training = replace(run, options=options)._fit(config, lambda _batching: windows, None).training
    plan = Plan.of(training, windows.steps_per_epoch)
    assert plan.num_rounds == rounds
    wanted = epochs * windows.steps_per_epoch
    assert plan.total_steps == rounds or abs(plan.total_steps - wanted) <= rounds / 2


def test_minutes_are_converted_to_epochs_once(run: TrialRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float] = []

    def remember(trial: Run) -> None:
        seen.append(trial.config.training.epochs)
        raise SettingError("enough")

    monkeypatch.setattr(Run, "train", remember)
    for speed in (1000.0, 2000.0):  # the second time, the epochs are already stored
        monkeypatch.setattr(trial_run, "measure_training", Speed(speed))
        options = run.options.replace(minutes_per_trial=2.0)
        replace(run, options=options).train(BASE, tmp_path, Reports())
    words = 2.0 * 60 * 1000.0 - 4 * run.text.valid.num_tokens / 2
    assert seen == [pytest.approx(words / run.text.train.num_tokens, rel=0.02)] * 2


def test_a_trial_opens_its_teacher_before_it_begins(run: TrialRun, tmp_path: Path) -> None:
    taught = replace(BASE, training=BASE.training.replace(teacher="austen"))
    with pytest.raises(BundleError, match=r"^`austen` must have its float32 weights"):
        run.train(taught, tmp_path, Reports())
    assert not (tmp_path / "config.toml").exists()


def test_a_perplexity_that_is_nan_is_not_reported() -> None:
    reports = Reports(end_after=1)
    callback = PruningCallback(reports, 2)
    callback.set_model(Model())
    callback.on_epoch_end(0, {"val_perplexity": float("nan")})
    assert reports.seen == {}
    assert not callback.model.stop_training
    callback.on_epoch_end(0, {"val_perplexity": 3.0})
    assert callback.model.stop_training
    assert callback.ended_after == 1


def test_the_last_round_completes_a_trial() -> None:
    callback = PruningCallback(Reports(end_after=2), 2)
    callback.set_model(Model())
    callback.on_epoch_end(1, {"val_perplexity": 3.0})
    assert callback.ended_after is None
    assert not callback.model.stop_training
