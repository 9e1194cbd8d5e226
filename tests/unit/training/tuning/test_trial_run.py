import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.errors import SettingError, StorageError, TrainingDivergedError
from nextword.text.batching.windows import make_windows
from nextword.training.config import RunConfig
from nextword.training.context import RunContext
from nextword.training.plan import Plan
from nextword.training.planning.speed import TrainingSpeed, measure_training
from nextword.training.tuning import trial_run
from nextword.training.tuning.claim import Outcome
from nextword.training.tuning.study_settings import SweepOptions
from nextword.training.tuning.study_text import StudyText
from nextword.training.tuning.trial_run import PruningCallback, TrialRun


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

    def __call__(self, _config: RunConfig, _vocabulary_size: int, *, seconds: float) -> "Speed":
        return self


class Model:
    stop_training = False


@pytest.fixture(scope="module")
def run(folder_without_test: Path, base: RunConfig) -> TrialRun:
    text = StudyText.load(folder_without_test, base.text)
    return TrialRun(text, SweepOptions(rounds=4), RunContext())


def rounds_of(root: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (root / "log.jsonl").read_text(encoding="utf-8").splitlines()]


def test_a_trial_can_be_pruned_and_resumed(run: TrialRun, base: RunConfig, tmp_path: Path) -> None:
    early = Reports(end_after=2)
    outcome = run.train(base, tmp_path, early)
    assert outcome.kind == "pruned"
    assert outcome.why == f"stopped by the pruner after round 2 of 4, at {early.seen[2]:,.2f}"
    assert [record["round"] for record in rounds_of(tmp_path)] == [1, 2]

    late = Reports()
    outcome = run.train(base, tmp_path, late)
    assert list(late.seen) == [3, 4]
    reported = {**early.seen, **late.seen}
    assert outcome == Outcome("complete", min(reported.values()))
    assert [record["valid_perplexity"] for record in rounds_of(tmp_path)] == list(reported.values())
    assert reported[4] < reported[1]
    assert not (tmp_path / "model").exists()

    config = RunConfig.read(tmp_path / "config.toml")
    assert config.origin["text_sha256"] == run.text.sha256
    assert config.model == base.model


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (TrainingDivergedError("the loss is nan"), Outcome("pruned", why="diverged: the loss is nan")),
        (SettingError("does not fit"), Outcome("failed", why="does not fit")),
        (MemoryError("too wide"), Outcome("failed", why="out of memory: too wide")),
        (
            RuntimeError("RESOURCE_EXHAUSTED: 9 GB\nat"),
            Outcome("failed", why="out of memory: RESOURCE_EXHAUSTED: 9 GB"),
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_problems_with_the_settings_are_an_outcome(
    run: TrialRun, base: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, outcome: Outcome
) -> None:
    def fail(*_arguments: object) -> None:
        raise error

    monkeypatch.setattr(trial_run, "train_model", fail)
    assert run.train(base, tmp_path, Reports()) == outcome


@pytest.mark.parametrize("error", [StorageError("the disk is full"), RuntimeError("a defect of ours")])
def test_other_problems_are_raised(
    run: TrialRun, base: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_arguments: object) -> None:
        raise error

    monkeypatch.setattr(trial_run, "train_model", fail)
    with pytest.raises(type(error), match=str(error)):
        run.train(base, tmp_path, Reports())


@given(st.integers(1, 40), st.integers(1, 16), st.floats(0.05, 20))
def test_rounds_are_equal_fractions_for_any_batch_size(
    run: TrialRun, base: RunConfig, rounds: int, batch_size: int, epochs: float
) -> None:
    config = replace(
        base, batching=base.batching.replace(batch_size=batch_size), training=base.training.replace(epochs=epochs)
    )
    options = run.options.replace(rounds=rounds)
    training = replace(run, options=options)._with_rounds(config).training
    windows = make_windows(run.text.train.ids, config.batching, end_id=run.text.tokenizer.vocabulary.end_id)
    plan = Plan.of(training, windows.steps_per_epoch)
    assert plan.num_rounds == rounds
    wanted = epochs * windows.steps_per_epoch
    assert plan.total_steps == rounds or abs(plan.total_steps - wanted) <= rounds / 2


def test_minutes_are_converted_to_epochs_once(
    run: TrialRun, base: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[float] = []

    def remember(_text: object, config: RunConfig, *_others: object) -> None:
        seen.append(config.training.epochs)
        raise SettingError("enough")

    monkeypatch.setattr(trial_run, "train_model", remember)
    for speed in (1000.0, 2000.0):  # the second time, the epochs are already stored
        monkeypatch.setattr(trial_run, "measure_training", Speed(speed))
        options = run.options.replace(minutes_per_trial=2.0)
        replace(run, options=options).train(base, tmp_path, Reports())
    words = 2.0 * 60 * 1000.0 - 4 * run.text.valid.num_tokens / 2
    assert seen == [pytest.approx(words / run.text.train.num_tokens, rel=0.02)] * 2


def test_a_trial_notes_the_teacher_that_it_learns_from(
    run: TrialRun, base: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial_run, "with_teacher", lambda config, _tokenizer: replace(config, origin={"noted": "yes"}))
    monkeypatch.setattr(trial_run, "train_model", lambda *_: (_ for _ in ()).throw(SettingError("enough")))
    run.train(base, tmp_path, Reports())
    assert RunConfig.read(tmp_path / "config.toml").origin["noted"] == "yes"


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


def test_speed_is_measured_on_the_model_that_is_trained(
    run: TrialRun, base: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[tuple[RunConfig, int, float]] = []

    def remember(config: RunConfig, vocabulary_size: int, *, seconds: float) -> TrainingSpeed:
        speed = measure_training(config, vocabulary_size, seconds=seconds)
        measured.append((config, vocabulary_size, speed.words_per_second))
        return speed

    monkeypatch.setattr(trial_run, "_SECONDS_MEASURED", 0.001)
    monkeypatch.setattr(trial_run, "measure_training", remember)
    resolved = base.resolved(text=base.text, compute_dtype="float32")
    replace(run, options=run.options.replace(minutes_per_trial=2.0))._with_rounds(resolved)
    ((config, vocabulary_size, words_per_second),) = measured
    assert (config, vocabulary_size) == (resolved, run.text.tokenizer.vocabulary_size)
    assert words_per_second > 0
