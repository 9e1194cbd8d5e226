import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from nextword.errors import SettingError
from nextword.generation.sampling import (
    SamplingOptions,
    filtered,
    keep_top_k,
    keep_top_p,
    sample,
    with_temperature,
    without,
)

LogProbs = NDArray[np.float64]

weights = arrays.arrays(np.float64, st.integers(2, 20), elements=st.integers(1, 50).map(float))
distributions = weights.map(lambda drawn: np.log(drawn / drawn.sum()))

CHI_SQUARE_AT_ONE_PER_MILLE = {1: 10.83, 2: 13.82, 3: 16.27, 4: 18.47}


def chi_square(draws: NDArray[np.int64], probabilities: NDArray[np.float64]) -> float:
    expected = probabilities * len(draws)
    return float((((np.bincount(draws, minlength=len(expected)) - expected) ** 2) / expected).sum())


def kept(log_probs: LogProbs) -> list[int]:
    return np.flatnonzero(log_probs > -np.inf).tolist()


@given(distributions, st.floats(0.05, 20), st.integers(1, 25), st.floats(0.01, 1))
def test_what_is_left_is_a_distribution_in_the_same_proportions(
    log_probs: LogProbs, temperature: float, top_k: int, top_p: float
) -> None:
    for left in (keep_top_k(log_probs, top_k), keep_top_p(log_probs, top_p), without(log_probs, [0])):
        assert np.exp(left).sum() == pytest.approx(1)
        shifts = (left - log_probs)[kept(left)]
        np.testing.assert_allclose(shifts, shifts[0], atol=1e-12)
    assert np.exp(with_temperature(log_probs, temperature)).sum() == pytest.approx(1)


@given(distributions, st.integers(1, 25))
def test_top_k_keeps_the_k_most_probable_the_first_of_equals(log_probs: LogProbs, top_k: int) -> None:
    order = sorted(range(len(log_probs)), key=lambda token_id: (-log_probs[token_id], token_id))
    assert kept(keep_top_k(log_probs, top_k)) == sorted(order[:top_k])


@given(weights, st.integers(1, 99))
def test_top_p_keeps_the_fewest_that_reach_p(drawn: NDArray[np.float64], percent: int) -> None:
    # Counted in whole numbers, 100 * weight against percent * total, so that no rounding decides.
    order = sorted(range(len(drawn)), key=lambda token_id: (-drawn[token_id], token_id))
    needed = percent * drawn.sum()
    reached = 100 * np.cumsum(drawn[order])
    if (reached == needed).any():
        return  # a tie, which the rounding of logarithms may decide either way
    expected = order[: 1 + int(np.flatnonzero(reached > needed)[0])]
    assert kept(keep_top_p(np.log(drawn / drawn.sum()), percent / 100)) == sorted(expected)


@given(distributions)
def test_the_widest_settings_change_nothing(log_probs: LogProbs) -> None:
    for left in (
        keep_top_k(log_probs, len(log_probs)),
        keep_top_p(log_probs, 1.0),
        with_temperature(log_probs, 1.0),
        without(log_probs, []),
        filtered(log_probs, SamplingOptions()),
    ):
        np.testing.assert_allclose(left, log_probs, atol=1e-12)


@given(distributions, st.floats(0.1, 10))
def test_temperature_raises_probabilities_to_its_inverse(log_probs: LogProbs, temperature: float) -> None:
    expected = np.exp(log_probs) ** (1 / temperature)
    np.testing.assert_allclose(np.exp(with_temperature(log_probs, temperature)), expected / expected.sum(), rtol=1e-9)


@given(distributions, st.sampled_from([1e-3, 1e-30, 1e-310, 0.0]))
def test_a_temperature_towards_zero_takes_the_most_probable(log_probs: LogProbs, temperature: float) -> None:
    most = (log_probs == log_probs.max()).astype(float)
    np.testing.assert_allclose(np.exp(with_temperature(log_probs, temperature)), most / most.sum(), atol=1e-8)


@given(distributions, st.integers(0, 2**32))
def test_temperature_zero_is_the_arg_max_whatever_the_seed(log_probs: LogProbs, seed: int) -> None:
    left = filtered(log_probs, SamplingOptions(temperature=0, top_p=0.5, top_k=3))
    assert sample(left, np.random.default_rng(seed)) == int(np.argmax(log_probs))


def test_top_p_is_measured_after_temperature_and_top_k() -> None:
    log_probs = np.log([0.4, 0.3, 0.2, 0.1])
    assert kept(filtered(log_probs, SamplingOptions(top_k=2, top_p=0.5))) == [0]  # 0.4 / 0.7 reaches a half
    assert kept(filtered(log_probs, SamplingOptions(top_p=0.5))) == [0, 1]
    assert kept(filtered(log_probs, SamplingOptions(top_p=0.5, temperature=0.5))) == [0]  # 16 / 30 does too
    assert kept(filtered(log_probs, SamplingOptions(top_k=2), forbidden=[0])) == [1, 2]


def test_draws_have_the_distribution() -> None:
    probabilities = np.array([0.4, 0.05, 0.3, 0.2, 0.05])
    random = np.random.default_rng(0)
    draws = np.array([sample(np.log(probabilities), random) for _ in range(20_000)])
    assert chi_square(draws, probabilities) < CHI_SQUARE_AT_ONE_PER_MILLE[4]
    assert chi_square(draws, np.array([0.4, 0.06, 0.29, 0.2, 0.05])) > CHI_SQUARE_AT_ONE_PER_MILLE[4]


def test_draws_of_a_filtered_distribution_have_it_too() -> None:
    options = SamplingOptions(temperature=0.5, top_k=3)
    log_probs = np.log([0.1, 0.2, 0.3, 0.4])
    random = np.random.default_rng(3)
    draws = np.array([sample(filtered(log_probs, options), random) for _ in range(20_000)]) - 1
    assert chi_square(draws, np.array([4, 9, 16]) / 29) < CHI_SQUARE_AT_ONE_PER_MILLE[2]


def test_an_impossible_token_is_never_drawn() -> None:
    class Extreme(np.random.Generator):
        def __init__(self, value: float) -> None:
            super().__init__(np.random.PCG64(0))
            self.value = value

        def random(self, *_: object, **__: object) -> float:  # type: ignore[override]
            return self.value

    with np.errstate(divide="ignore"):
        log_probs = np.log(np.array([0.0, 0.3, 0.0, 0.7, 0.0]))
    assert sample(log_probs, Extreme(0.0)) == 1
    assert sample(log_probs, Extreme(np.nextafter(1.0, 0.0))) == 3
    for size in (9, 22, 56):  # whose probabilities, added up in floats, stay below one
        assert sample(np.log(np.full(size, 1 / size)), Extreme(np.nextafter(1.0, 0.0))) == size - 1


def test_forbidding_everything_is_refused() -> None:
    with pytest.raises(SettingError, match="forbid fewer tokens"):
        filtered(np.log([0.5, 0.5]), SamplingOptions(), forbidden=[0, 1])


def test_a_log_probability_that_is_no_number_is_refused() -> None:
    with pytest.raises(SettingError, match="the highest log-probability is nan"):
        filtered(np.array([0.0, np.nan]), SamplingOptions())


@pytest.mark.parametrize(
    ("name", "value"),
    [("temperature", -0.1), ("temperature", float("nan")), ("top_k", 0), ("top_p", 0.0), ("top_p", 1.1), ("seed", -1)],
)
def test_options_out_of_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(SettingError, match=f"`{name}` must be"):
        SamplingOptions.from_table({name: value})
