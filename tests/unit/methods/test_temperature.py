from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nextword.batching.window import TokenIds
from nextword.engine.temperature_engine import TemperatureOptions
from nextword.evaluation.perplexity import evaluate
from nextword.methods.method import Splits
from nextword.methods.temperature import Temperature, best_temperature


@pytest.mark.parametrize(("own", "boldness"), [(1.0, 2.0), (1.0, 0.6), (1.0, 1.0), (0.5, 4.0)])
def test_the_temperature_of_a_text_is_found(
    bigram_engine: Callable[..., Any], text_of: Callable[..., TokenIds], own: float, boldness: float
) -> None:
    ids = text_of(bigram_engine(boldness=own), 4_000)
    assert best_temperature(bigram_engine(boldness=boldness), ids) == pytest.approx(boldness / own, rel=0.12)


def test_no_neighbor_is_better(
    bigram_engine: Callable[..., Any], text_of: Callable[..., TokenIds], splits_of: Callable[..., Splits]
) -> None:
    valid = text_of(bigram_engine(), 1_000)
    engine, options = bigram_engine(boldness=2.5), TemperatureOptions()
    tuned = Temperature().apply(engine, options, splits_of(valid=valid), {"temperature"})
    found = evaluate(tuned.engine, valid).log_prob
    for factor in (0.95, 1.05):
        other = tuned.options.replace(temperature=tuned.options.to_table()["temperature"] * factor)
        assert evaluate(Temperature().apply(engine, other, splits_of(), ()).engine, valid).log_prob < found


def test_a_uniform_engine_keeps_its_temperature(bigram_engine: Callable[..., Any]) -> None:
    assert best_temperature(bigram_engine(boldness=0.0), np.array([1, 2, 3], np.int32)) == 1


def test_a_given_temperature_reads_no_split(
    bigram_engine: Callable[..., Any], splits_of: Callable[..., Splits]
) -> None:
    options = TemperatureOptions(temperature=0.7)
    assert Temperature().apply(bigram_engine(), options, splits_of(), ()).options == options
