import json
from dataclasses import replace

import pytest

from nextword.cli.dry_run import print_forecast
from nextword.training.forecast import Forecast

Captured = pytest.CaptureFixture[str]

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
    seconds=60.0,
    memory_bytes=10**9,
    available_memory_bytes=None,
)


def test_a_plan_counts_in_the_singular_and_the_plural(capsys: Captured) -> None:
    print_forecast(FORECAST, as_json=False)
    assert "plan        2,500 steps in 3 rounds, 1.5 epochs\n" in capsys.readouterr().out
    print_forecast(replace(FORECAST, steps=1, rounds=1), as_json=False)
    assert "plan        1 step in 1 round, 1.5 epochs\n" in capsys.readouterr().out


def test_a_forecast_is_one_json_object(capsys: Captured) -> None:
    print_forecast(FORECAST, as_json=True)
    assert json.loads(capsys.readouterr().out) == FORECAST.to_table()
