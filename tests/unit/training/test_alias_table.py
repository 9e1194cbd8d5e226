"""The table gives each outcome its probability, however small."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nextword.training.alias_table import AliasTable


def probabilities_of(table: AliasTable) -> NDArray[np.float64]:
    shares = table.thresholds.astype(np.float64)
    np.add.at(shares, table.aliases, 1.0 - table.thresholds.astype(np.float64))
    return shares / len(shares)


@settings(max_examples=50)
@given(weights=st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=50))
def test_the_table_holds_the_distribution(weights: list[float]) -> None:
    probabilities = np.array(weights) / np.sum(weights)
    table = AliasTable.of(probabilities)
    np.testing.assert_allclose(probabilities_of(table), probabilities, rtol=0, atol=1e-6)
    assert ((table.thresholds >= 0) & (table.thresholds <= 1)).all()


def test_the_rarest_of_a_large_vocabulary_are_as_likely_as_they_should_be() -> None:
    counts = np.maximum(2**22 // np.arange(1, 2**18), 1) ** 0.75
    probabilities = counts / counts.sum()
    assert probabilities.min() < 10 * 2**-23  # eight of float32's steps below 1
    np.testing.assert_allclose(probabilities_of(AliasTable.of(probabilities)), probabilities, rtol=1e-5)


def test_draws_are_as_frequent_as_the_table_says() -> None:
    probabilities = np.array([0.5, 0.0, 0.3, 0.15, 0.05])
    drawn = np.asarray(AliasTable.of(probabilities).draw(100_000, keras.random.SeedGenerator(0)))
    assert drawn.dtype == np.int32
    frequencies = np.bincount(drawn, minlength=5) / len(drawn)
    deviations = np.sqrt(probabilities * (1 - probabilities) / len(drawn))
    assert (abs(frequencies - probabilities) <= 5 * deviations).all()
    assert frequencies[1] == 0


def test_draws_go_on_and_repeat_with_the_seed() -> None:
    table = AliasTable.of(np.full(1000, 1e-3))
    seed = keras.random.SeedGenerator(3)
    first, second = np.asarray(table.draw(50, seed)), np.asarray(table.draw(50, seed))
    assert (first != second).any()
    np.testing.assert_array_equal(table.draw(50, keras.random.SeedGenerator(3)), first)


@pytest.mark.parametrize("num_outcomes", [1, 2, 7])
def test_even_chances_need_no_alias(num_outcomes: int) -> None:
    table = AliasTable.of(np.full(num_outcomes, 1 / num_outcomes))
    np.testing.assert_allclose(table.thresholds, 1.0, rtol=1e-6)
