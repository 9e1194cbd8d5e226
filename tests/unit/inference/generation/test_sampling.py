import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

import nextword
from nextword.errors import SettingError
from nextword.inference.generation.sampling import (
    DEFAULT_SAMPLING,
    UNCHANGED,
    SamplingOptions,
    draw,
    drawn_index,
    filtered,
    keep_min_p,
    keep_top_k,
    keep_top_p,
    keep_typical,
    random_generator,
    sample,
    with_repetition_penalty,
    with_temperature,
    without,
)

LogProbs = NDArray[np.float64]

weights = arrays.arrays(np.float64, st.integers(2, 20), elements=st.integers(1, 50).map(float))
distributions = weights.map(lambda drawn: np.log(drawn / drawn.sum()))
sparse = weights.map(lambda drawn: without(np.log(drawn / drawn.sum()), [0]))


def kept(log_probs: LogProbs) -> list[int]:
    return np.flatnonzero(log_probs > -np.inf).tolist()


@given(distributions, st.integers(0, 2**32))
def test_temperature_zero_is_the_argmax_for_every_seed(log_probs: LogProbs, seed: int) -> None:
    left = filtered(log_probs, SamplingOptions(temperature=0, top_p=0.5, top_k=3))
    assert sample(left, np.random.default_rng(seed)) == int(np.argmax(log_probs))


def test_top_p_is_applied_after_temperature_and_top_k() -> None:
    log_probs = np.log([0.4, 0.3, 0.2, 0.1])
    assert kept(filtered(log_probs, SamplingOptions(top_k=2, top_p=0.5))) == [0]  # 0.4 / 0.7 reaches a half
    assert kept(filtered(log_probs, SamplingOptions(top_p=0.5))) == [0, 1]
    assert kept(filtered(log_probs, SamplingOptions(top_p=0.5, temperature=0.5))) == [0]  # 16 / 30 does too
    assert kept(filtered(log_probs, SamplingOptions(top_k=2), forbidden=[0])) == [1, 2]


def test_min_p_and_typical_are_applied_after_the_others() -> None:
    log_probs = np.log([0.4, 0.3, 0.2, 0.1])
    assert kept(filtered(log_probs, SamplingOptions(min_p=0.6))) == [0, 1]
    assert kept(filtered(log_probs, SamplingOptions(min_p=0.6, temperature=2))) == [0, 1, 2]  # sqrt(0.2 / 0.4) > 0.6
    # For 4/7 and 3/7 the entropy is 0.68, and 3/7 is farther from it; of all four tokens 0.3 is the most typical.
    assert kept(filtered(log_probs, SamplingOptions(top_k=2, typical_p=0.3))) == [0]
    assert kept(filtered(log_probs, SamplingOptions(typical_p=0.3))) == [1]


def test_only_recent_tokens_are_penalized() -> None:
    log_probs = np.log([0.5, 0.3, 0.2])
    options = UNCHANGED.replace(repetition_penalty=2.0, repetition_window=2)
    expected = np.array([0.5, 0.09, 0.04])
    np.testing.assert_allclose(np.exp(filtered(log_probs, options, read=[0, 1, 2])), expected / expected.sum())
    np.testing.assert_allclose(np.exp(filtered(log_probs, options)), np.exp(log_probs))


def test_the_defaults_are_those_of_the_page() -> None:
    script = Path(nextword.__file__).parent / "display" / "page" / "site" / "js" / "tabs" / "write_tab.js"
    shown = {
        name: float(re.search(rf"const {slider} = .*? value: ([\d.]+)", script.read_text(encoding="utf-8"))[1])  # type: ignore[index]
        for name, slider in (("temperature", "bold"), ("top_p", "share"))
    }
    assert shown == {name: getattr(DEFAULT_SAMPLING, name) for name in shown} == {"temperature": 0.8, "top_p": 0.95}


def test_an_impossible_token_is_never_sampled() -> None:
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
    for size in (9, 22, 56):  # their probabilities sum to less than one in floats
        assert sample(np.log(np.full(size, 1 / size)), Extreme(np.nextafter(1.0, 0.0))) == size - 1


def test_a_nan_log_probability_is_refused() -> None:
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


@given(distributions, st.floats(0.05, 20), st.integers(1, 25), st.floats(0.01, 1))
def test_filters_return_a_distribution_in_the_same_proportions(
    log_probs: LogProbs, temperature: float, top_k: int, part: float
) -> None:
    for left in (
        keep_top_k(log_probs, top_k),
        keep_top_p(log_probs, part),
        keep_min_p(log_probs, part),
        keep_typical(log_probs, part),
        without(log_probs, [0]),
    ):
        assert np.exp(left).sum() == pytest.approx(1)
        shifts = (left - log_probs)[kept(left)]
        np.testing.assert_allclose(shifts, shifts[0], atol=1e-12)
    assert np.exp(with_temperature(log_probs, temperature)).sum() == pytest.approx(1)
    assert np.exp(with_repetition_penalty(log_probs, [0], 1 + part)).sum() == pytest.approx(1)


@given(distributions, st.integers(1, 25))
def test_top_k_keeps_the_k_most_probable_and_the_first_of_ties(log_probs: LogProbs, top_k: int) -> None:
    order = sorted(range(len(log_probs)), key=lambda token_id: (-log_probs[token_id], token_id))
    assert kept(keep_top_k(log_probs, top_k)) == sorted(order[:top_k])


@given(weights, st.integers(1, 99))
def test_top_p_keeps_the_fewest_tokens_that_reach_p(drawn: NDArray[np.float64], percent: int) -> None:
    # Compares integers, 100 * weight with percent * total, to avoid rounding.
    order = sorted(range(len(drawn)), key=lambda token_id: (-drawn[token_id], token_id))
    needed = percent * drawn.sum()
    reached = 100 * np.cumsum(drawn[order])
    if (reached == needed).any():
        return  # a tie, which rounding may decide either way
    expected = order[: 1 + int(np.flatnonzero(reached > needed)[0])]
    assert kept(keep_top_p(np.log(drawn / drawn.sum()), percent / 100)) == sorted(expected)


@given(weights, st.integers(1, 100))
def test_min_p_keeps_tokens_with_at_least_that_fraction_of_the_highest(
    drawn: NDArray[np.float64], percent: int
) -> None:
    needed = percent * drawn.max()
    if (100 * drawn == needed).any() and percent < 100:
        return  # a tie, which rounding may decide either way
    assert (
        kept(keep_min_p(np.log(drawn / drawn.sum()), percent / 100)) == np.flatnonzero(100 * drawn >= needed).tolist()
    )


def naive_typical(log_probs: LogProbs, mass: float) -> set[int]:
    """As in the paper: the smallest set with the mass, in order of distance from the entropy."""
    probabilities = {token_id: float(np.exp(log_probs[token_id])) for token_id in kept(log_probs)}
    entropy = -sum(p * np.log(p) for p in probabilities.values())
    chosen: set[int] = set()
    total = 0.0
    for token_id in sorted(probabilities, key=lambda each: abs(-np.log(probabilities[each]) - entropy)):
        chosen.add(token_id)
        total += probabilities[token_id]
        if total >= mass:
            break
    return chosen


@given(sparse, st.floats(0.01, 0.99))
def test_typical_keeps_tokens_with_a_typical_surprisal(log_probs: LogProbs, mass: float) -> None:
    found = set(kept(keep_typical(log_probs, mass)))
    surprisals = -log_probs[kept(log_probs)]
    distances = np.abs(surprisals - (np.exp(-surprisals) * surprisals).sum())
    apart = np.diff(np.unique(distances))
    if len(apart) and apart.min() < 1e-9:
        return  # distances that are equal up to rounding
    if np.abs(np.cumsum(np.exp(-surprisals[np.argsort(distances, kind="stable")])) - mass).min() < 1e-9:
        return  # the mass is reached only up to rounding
    assert found == naive_typical(log_probs, mass)


def test_typical_can_remove_the_most_probable_token() -> None:
    # The entropy is 1.74; the surprisals are 1.20 and 1.97.
    assert kept(keep_typical(np.log([0.3, 0.14, 0.14, 0.14, 0.14, 0.14]), 0.1)) == [1]


@given(distributions)
def test_filters_with_default_values_change_nothing(log_probs: LogProbs) -> None:
    for left in (
        keep_top_k(log_probs, len(log_probs)),
        keep_top_p(log_probs, 1.0),
        keep_min_p(log_probs, 0.0),
        keep_typical(log_probs, 1.0),
        with_temperature(log_probs, 1.0),
        with_repetition_penalty(log_probs, range(len(log_probs)), 1.0),
        without(log_probs, []),
    ):
        np.testing.assert_allclose(left, log_probs, atol=1e-12)


@given(distributions, st.floats(0.1, 10))
def test_temperature_raises_probabilities_to_its_inverse(log_probs: LogProbs, temperature: float) -> None:
    expected = np.exp(log_probs) ** (1 / temperature)
    np.testing.assert_allclose(np.exp(with_temperature(log_probs, temperature)), expected / expected.sum(), rtol=1e-9)


@given(distributions, st.sampled_from([1e-3, 1e-30, 1e-310, 0.0]))
def test_a_temperature_near_zero_selects_the_most_probable_token(log_probs: LogProbs, temperature: float) -> None:
    most = (log_probs == log_probs.max()).astype(float)
    np.testing.assert_allclose(np.exp(with_temperature(log_probs, temperature)), most / most.sum(), atol=1e-8)


@given(distributions, st.floats(1, 5), st.sets(st.integers(0, 1)))
def test_the_penalty_raises_recent_probabilities_to_its_power(
    log_probs: LogProbs, penalty: float, recent: set[int]
) -> None:
    expected = np.exp(log_probs)
    expected[list(recent)] **= penalty
    found = np.exp(with_repetition_penalty(log_probs, recent, penalty))
    np.testing.assert_allclose(found, expected / expected.sum(), rtol=1e-9)


def test_the_penalty_depends_only_on_probabilities() -> None:
    """The usual rule for logits does not: it divides positive logits and multiplies negative ones."""
    logits = np.array([2.0, 1.0, -1.0])
    np.testing.assert_allclose(
        with_repetition_penalty(logits, [0, 2], 1.5), with_repetition_penalty(logits - 7, [0, 2], 1.5)
    )


def test_filters_refuse_to_forbid_everything() -> None:
    with pytest.raises(SettingError, match="forbid fewer tokens"):
        without(np.log([0.5, 0.5]), [0, 1])


def test_samples_have_independent_generators_and_the_first_depends_only_on_the_seed() -> None:
    options = SamplingOptions(seed=5)
    draws = [random_generator(options, number).random() for number in range(50)]
    assert draws[0] == np.random.default_rng(5).random()
    assert len(set(draws)) == 50
    assert draws == [random_generator(options, number).random() for number in range(50)]
    assert random_generator(SamplingOptions(), 1).random() != random_generator(SamplingOptions(), 1).random()


OPTIONS: list[dict[str, Any]] = [
    {},
    {"temperature": 0.0},
    {"temperature": 0.7},
    {"temperature": 3.0},
    {"top_k": 1},
    {"top_k": 7},
    {"top_k": 100_000},
    {"top_p": 0.01},
    {"top_p": 0.9},
    {"top_p": 0.999999},
    {"min_p": 0.1},
    {"min_p": 1.0},
    {"top_k": 50, "top_p": 0.5, "min_p": 0.01, "temperature": 0.8},
    {"typical_p": 0.5},
    {"repetition_penalty": 2.0, "top_p": 0.8},
]


def distribution(seed: int, size: int, scale: float) -> Any:
    logits = np.random.default_rng(seed).normal(size=size) * scale
    return (logits - np.log(np.exp(logits).sum())).astype(np.float32)


@pytest.mark.parametrize("changes", OPTIONS, ids=str)
@pytest.mark.parametrize(("size", "scale"), [(2, 1.0), (300, 0.1), (3000, 1.0), (3000, 5.0)])
def test_it_draws_the_token_of_the_defined_distribution(changes: dict[str, Any], size: int, scale: float) -> None:
    options = SamplingOptions(**changes)
    for seed in range(30):
        log_probs, forbidden, read = distribution(seed, size, scale), {0} if size > 2 else set(), [1, 1, size - 1]
        expected = sample(filtered(log_probs, options, forbidden, read), np.random.default_rng(seed))
        assert draw(log_probs, options, forbidden, read, np.random.default_rng(seed)) == expected


@given(
    weights=st.lists(st.sampled_from([0.0, 1e-300, 0.1, 1 / 3, 5.0]), min_size=1, max_size=600), number=st.floats(0, 1)
)
def test_nothing_with_weight_zero_is_drawn(weights: list[float], number: float) -> None:
    array = np.array([*weights, 1.0])
    assert array[drawn_index(array, number)] > 0


def test_nothing_is_drawn_where_nothing_is_possible() -> None:
    with pytest.raises(SettingError, match="at least one token must be possible"):
        draw(np.zeros(2, np.float32), SamplingOptions(), [0, 1], [], np.random.default_rng(1))
    with pytest.raises(SettingError, match="is nan"):
        draw(np.full(2, np.nan, np.float32), SamplingOptions(temperature=0), [], [], np.random.default_rng(1))
