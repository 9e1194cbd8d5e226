"""What `nextword train --dry-run` prints."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from nextword.text.counted import counted
from nextword.training.progress_bar import clock

if TYPE_CHECKING:
    from nextword.training.forecast import Forecast


def print_forecast(forecast: "Forecast", *, as_json: bool) -> None:
    """Print what a run would do."""
    if as_json:
        click.echo(json.dumps(forecast.to_table(), allow_nan=False))
        return
    for name, value in _rows(forecast):
        click.echo(f"{name:<11} {value}")


def _rows(forecast: "Forecast") -> Iterator[tuple[str, str]]:
    tokens = ", ".join(f"{split} {number:,}" for split, number in forecast.tokens.items())
    end = datetime.now().astimezone() + timedelta(seconds=forecast.seconds)
    available = forecast.available_memory_bytes
    yield "text", f"{forecast.text}: {tokens} tokens"
    yield "vocabulary", f"{forecast.vocabulary_size:,} tokens, {forecast.tokenizer}"
    yield "model", f"{forecast.model}, {forecast.num_parameters:,} parameters"
    yield (
        "plan",
        f"{counted(forecast.steps, 'step')} in {counted(forecast.rounds, 'round')}, {forecast.epochs:.1f} epochs",
    )
    yield "time", f"about {clock(forecast.seconds)}, done at {end:%H:%M}"
    room = "" if available is None else f" of {available / 1e9:.1f} GB available"
    yield "memory", f"about {forecast.memory_bytes / 1e9:.1f} GB{room}"
    yield "run", f"{forecast.run}, not created: this was a dry run"
