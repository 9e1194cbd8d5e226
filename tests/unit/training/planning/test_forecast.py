"""What a run would do, on a machine whose speed is made up."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nextword.api.train import train
from nextword.training.config import RunConfig
from nextword.training.context import RunContext
from nextword.training.planning import forecast as forecast_module
from nextword.training.planning.forecast import Forecast, forecast_run
from nextword.training.planning.memory import training_memory_bytes
from nextword.training.planning.speed import TrainingSpeed
from nextword.training.step.distillation import Teacher
from support.small_run import SMALL_RUN_SETTINGS

CONFIG = RunConfig.of(
    "quick",
    {
        "training": {"epochs": 3, "compute_dtype": "float32"},
        "batching": {"batch_size": 4, "num_steps": 10},
        "model": {"embedding_size": 8, "hidden_sizes": (16, 8)},
    },
)


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "story.txt"
    path.write_text("the cat sat on the mat .\n" * 500, encoding="utf-8")
    return path


@pytest.fixture
def words_per_second(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The speed of the machine, in a list that may be changed."""
    speed = [100.0]

    def measure(config: RunConfig, _vocabulary_size: int, *, seconds: float, teacher: object) -> TrainingSpeed:
        return TrainingSpeed(
            compute_dtype=config.training.compute_dtype,
            num_steps=1,
            seconds=seconds,
            words_per_second=speed[0],
            flops_per_second=1.0,
        )

    monkeypatch.setattr(forecast_module, "measure_training", measure)
    return speed


def test_the_plan_is_that_of_the_run_and_nothing_is_written(
    text: Path, tmp_path: Path, words_per_second: list[float]
) -> None:
    told: list[str] = []
    run, context = tmp_path / "run", RunContext(detail=told.append, cache_dir=tmp_path / "cache")
    found = forecast_run(CONFIG, text, run, context)
    assert not run.exists()
    assert told
    # Streams of 4 rows with 10 tokens a step; the first token of each row is only read.
    assert found.tokens["train"] == pytest.approx(0.9 * 500 * 8, rel=0.01)
    assert found.steps == 3 * (found.steps // 3)
    assert found.steps // 3 == pytest.approx(found.tokens["train"] / 40, abs=1)
    assert (found.rounds, found.epochs) == (3, 3.0)
    assert found.vocabulary_size == 8
    architecture = CONFIG.model.build(found.vocabulary_size)
    assert found.num_parameters == architecture.num_parameters
    assert found.memory_bytes == training_memory_bytes(architecture, CONFIG.batching)


def test_the_memory_is_also_that_of_the_teacher(text: Path, tmp_path: Path, words_per_second: list[float]) -> None:
    context = RunContext(cache_dir=tmp_path / "cache")
    train(text, preset="quick", epochs=1, run=tmp_path / "teacher", settings=SMALL_RUN_SETTINGS, verbose=0)
    taught = CONFIG.with_choices({"training": {"teacher": str(tmp_path / "teacher")}})
    alone, found = (forecast_run(each, text, tmp_path / "run", context).memory_bytes for each in (CONFIG, taught))
    member = Teacher.open(tmp_path / "teacher").model.architecture
    assert found - alone >= 4 * (member.num_parameters + 4 * 10 * 8)  # its weights, and probabilities (4, 10, 8)


def test_the_time_is_that_of_the_steps_and_the_validations(
    text: Path, tmp_path: Path, words_per_second: list[float]
) -> None:
    context = RunContext(cache_dir=tmp_path / "cache")
    config = replace(CONFIG, training=CONFIG.training.replace(mixture=False))
    found = forecast_run(config, text, tmp_path / "run", context)
    training = found.steps * 40 / words_per_second[0]
    assert found.seconds is not None
    assert training < found.seconds < 1.3 * training
    with_mixture = forecast_run(CONFIG, text, tmp_path / "run", context).seconds
    assert with_mixture is not None
    assert 1 < with_mixture - found.seconds < 10
    words_per_second[0] *= 10
    assert forecast_run(config, text, tmp_path / "run", context).seconds == pytest.approx(found.seconds / 10)


FORECAST = Forecast(
    run="runs/a",
    text="a.txt",
    tokens={"train": 900, "valid": 50, "test": 50},
    vocabulary_size=20,
    tokenizer="word",
    model="LSTM 8",
    num_parameters=1234,
    steps=2500,
    rounds=3,
    epochs=1.5,
    minutes=None,
    seconds=60.0,
    memory_bytes=10**9,
    available_memory_bytes=None,
)


def lines_of(**changes: Any) -> dict[str, str]:
    lines = replace(FORECAST, **changes).describe()
    assert all(len(line) < 80 for line in lines)
    return {line[:11].rstrip(): line[12:] for line in lines}


def test_a_plan_counts_in_the_singular_and_the_plural() -> None:
    assert lines_of()["plan"] == "2,500 steps in 3 rounds, 1.5 epochs"
    assert lines_of(steps=1, rounds=1)["plan"] == "1 step in 1 round, 1.5 epochs"


def test_the_lines_are_seven_and_say_about_where_they_estimate() -> None:
    by_time = lines_of(minutes=10.0, seconds=600.0)
    assert list(by_time) == ["text", "vocabulary", "model", "plan", "time", "memory", "run"]
    assert by_time["plan"] == "about 2,500 steps in 3 rounds, 1.5 epochs"
    assert by_time["time"].startswith("about 0:10:00, done at ")
    assert by_time["run"] == "runs/a"
    assert FORECAST.describe(is_dry=True)[-1] == "run         runs/a, not created: this was a dry run"
    assert "time" not in lines_of(seconds=None)  # known only once steps are measured


def reported(*notes: str, **changes: Any) -> tuple[list[str], list[str]]:
    said, details = list[str](), list[str]()
    replace(FORECAST, **changes).report(RunContext(say=said.append, detail=details.append), notes)
    return said, details


@pytest.mark.parametrize(("available", "is_detail"), [(10 * 10**9, True), (10**9, False), (None, True)])
def test_memory_is_a_detail_unless_it_is_scarce(available: int | None, is_detail: bool) -> None:
    said, details = reported(available_memory_bytes=available)
    assert [line.split()[0] for line in details] == ["memory"] * is_detail
    assert len(said) + len(details) == 7


def test_at_most_seven_lines_come_before_the_header_of_the_rounds() -> None:
    notes = ["12 KB is little", "<eos> is a line end", "3 files are left out"]
    said, details = reported(*notes, available_memory_bytes=10**9)
    assert [line.split()[0] for line in said] == ["memory", "text", "vocabulary", "model", "plan", "time", "run"]
    assert said[0].endswith(" (3 more notes if verbose)")
    assert details == notes
    said, details = reported(*notes)
    assert (len(said), said[0], details[1:]) == (7, "12 KB is little (2 more notes if verbose)", notes[1:])
    assert reported(notes[0])[0][0] == notes[0]


def test_a_text_that_needs_less_than_the_time_says_so() -> None:
    short = lines_of(minutes=10.0, seconds=12.0)
    assert short["plan"] == "at most 2,500 steps in 3 rounds, 1.5 epochs"
    assert short["time"].endswith("; a short text does not need 10 minutes")
