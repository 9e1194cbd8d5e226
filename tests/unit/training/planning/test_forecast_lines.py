from dataclasses import replace
from typing import Any

import pytest

from nextword.training.context import RunContext
from nextword.training.planning.forecast import Forecast

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
