import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from nextword.errors import SettingError
from nextword.generation.sampling import SamplingOptions, filtered, sample

LogProbs = NDArray[np.float64]

weights = arrays.arrays(np.float64, st.integers(2, 20), elements=st.integers(1, 50).map(float))
distributions = weights.map(lambda drawn: np.log(drawn / drawn.sum()))


def kept(log_probs: LogProbs) -> list[int]:
    return np.flatnonzero(log_probs > -np.inf).tolist()


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


def test_min_p_and_typical_are_measured_after_the_others() -> None:
    log_probs = np.log([0.4, 0.3, 0.2, 0.1])
    assert kept(filtered(log_probs, SamplingOptions(min_p=0.6))) == [0, 1]
    assert kept(filtered(log_probs, SamplingOptions(min_p=0.6, temperature=2))) == [0, 1, 2]  # sqrt(0.2 / 0.4) > 0.6
    # Of 4/7 and 3/7 the entropy is 0.68, and 3/7 the farther from it; of all four tokens 0.3 is the most typical.
    assert kept(filtered(log_probs, SamplingOptions(top_k=2, typical_p=0.3))) == [0]
    assert kept(filtered(log_probs, SamplingOptions(typical_p=0.3))) == [1]


def test_only_what_was_read_of_late_is_penalized() -> None:
    log_probs = np.log([0.5, 0.3, 0.2])
    options = SamplingOptions(repetition_penalty=2.0, repetition_window=2)
    expected = np.array([0.5, 0.09, 0.04])
    np.testing.assert_allclose(np.exp(filtered(log_probs, options, read=[0, 1, 2])), expected / expected.sum())
    np.testing.assert_allclose(np.exp(filtered(log_probs, options)), np.exp(log_probs))


def test_the_penalty_may_change_what_is_most_probable() -> None:
    options = SamplingOptions(repetition_penalty=3.0, temperature=0)
    assert kept(filtered(np.log([0.6, 0.4]), options, read=[0])) == [1]


def test_the_widest_options_change_nothing() -> None:
    log_probs = np.log([0.5, 0.3, 0.2])
    np.testing.assert_allclose(filtered(log_probs, SamplingOptions(), read=[0, 1, 2]), log_probs, atol=1e-12)


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
    [
        *[("temperature", -0.1), ("temperature", float("nan")), ("top_k", 0), ("top_p", 0.0), ("top_p", 1.1)],
        *[("min_p", 1.1), ("typical_p", 0.0), ("repetition_penalty", 0.9), ("repetition_window", 0), ("seed", -1)],
    ],
)
def test_options_out_of_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(SettingError, match=f"`{name}` must be"):
        SamplingOptions.from_table({name: value})
