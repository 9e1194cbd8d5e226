"""Gates are the most probable ones, help where they were not fitted, and are left out where they do not."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, logit

from nextword.engine.mixture import gates as gates_module
from nextword.engine.mixture.gates import MixedText, gated, shifts_of
from nextword.engine.mixture.tuning import mixture_weights

Floats = NDArray[np.float32]
NO_GATES = np.zeros((2, 0), np.float32)
SLOPES = np.array([[2.0, 0.0, -1.0, 0.5, 0.3], [0.0, -1.5, 0.0, 1.0, -0.4]], np.float32)


@given(st.floats(1e-6, 1 - 1e-6), st.floats(-20, 20))
@example(weight=0.99, shift=20.0)
def test_a_gate_adds_to_the_logit_of_a_weight(weight: float, shift: float) -> None:
    # As a probability, since the logit of one near 1 has lost its last digits.
    assert gated(weight, shift) == pytest.approx(expit(logit(weight) + shift), rel=1e-7)


def test_a_part_that_says_nothing_keeps_no_weight_and_a_huge_shift_is_no_error() -> None:
    np.testing.assert_array_equal(gated(np.array([0.0, 0.0, 0.3]), [5.0, 1e9, 0.0]), [0, 0, 0.3])
    assert gated(0.5, [1e9, -1e9]).round(6).tolist() == [1, 0]


def test_a_shift_has_the_same_bits_in_whatever_company() -> None:
    random = np.random.default_rng(0)
    hidden, gate = random.normal(size=(6, 5, 300)).astype(np.float32), random.normal(size=301).astype(np.float32)
    found = shifts_of(gate, hidden)
    np.testing.assert_allclose(found, hidden.astype(np.float64) @ gate[:-1] + gate[-1], rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(shifts_of(gate, hidden[4:5]), found[4:5])
    np.testing.assert_array_equal(shifts_of(gate, hidden.transpose(1, 0, 2).copy().transpose(1, 0, 2)), found)
    np.testing.assert_array_equal(shifts_of(gate, np.asfortranarray(hidden)), found)
    np.testing.assert_array_equal(shifts_of(NO_GATES[0], hidden), np.zeros((6, 5)))


def text_of(slopes: Floats, num_tokens: int = 4_000, seed: int = 0) -> MixedText:
    """Return a text whose tokens come from two parts with gates, or from the network."""
    random = np.random.default_rng(seed)
    hidden = random.normal(size=(num_tokens, slopes.shape[1] - 1)).astype(np.float32)
    weights = np.stack((np.full(num_tokens, 0.3), random.uniform(0.0, 0.6, num_tokens)))
    ngram, cache = gated(weights, np.stack([shifts_of(gate, hidden) for gate in slopes]))
    origin = np.where(random.random(num_tokens) < cache, 2, np.where(random.random(num_tokens) < ngram, 1, 0))
    own, *others = np.where(np.arange(3)[:, None] == origin, 0.6, 0.1) * random.uniform(0.5, 1.5, (3, num_tokens))
    return MixedText(hidden, own, weights, np.stack(others))


def log_posterior(text: MixedText, gates: Floats) -> float:
    """Return what `gates` maximizes, from its definition: slopes in units of each unit's deviation."""
    slopes = gates[:, :-1] * (text.hidden.std(axis=0) + 1e-3)
    prior: float = 1.5 * slopes.shape[1] * (slopes.astype(np.float64) ** 2).sum()
    return len(text.own) * text.log_prob(gates) - prior


def test_the_gates_are_the_most_probable_ones() -> None:
    text = text_of(SLOPES, 800)
    found = text.gates()
    best = minimize(
        lambda flat: -log_posterior(text, flat.reshape(SLOPES.shape)), np.zeros(SLOPES.size), options={"maxiter": 500}
    )
    assert log_posterior(text, found) == pytest.approx(-best.fun, abs=0.05)
    np.testing.assert_allclose(found, best.x.reshape(SLOPES.shape), atol=0.05)


def test_a_step_never_makes_the_text_less_probable(monkeypatch: pytest.MonkeyPatch) -> None:
    text, posteriors = text_of(SLOPES, 1_000), [0.0]
    for rounds in range(8):
        monkeypatch.setattr(gates_module, "_ROUNDS", rounds)
        posteriors.append(log_posterior(text, text.gates()))
    assert (np.diff(posteriors[1:]) > 0).all()


def test_gates_help_with_a_text_of_the_same_kind() -> None:
    other = text_of(SLOPES, seed=1)
    gain = other.log_prob(text_of(SLOPES).useful_gates(0.002)) - other.log_prob(NO_GATES)
    assert gain > 0.8 * (other.log_prob(SLOPES) - other.log_prob(NO_GATES)) > 0.02


def test_gates_that_would_only_fit_the_noise_are_left_out() -> None:
    random = np.random.default_rng(0)
    own, other = random.beta(0.3, 1, size=(2, 600)) + 1e-6
    weight = mixture_weights(np.stack((own, other)))[1]
    text = MixedText(random.normal(size=(600, 50)).astype(np.float32), own, np.full((1, 600), weight), other[None])
    assert text.log_prob(text.gates()) > text.log_prob(NO_GATES[:1]) + 0.002
    assert text.useful_gates(0.002).shape == (1, 0)
    assert text.part(slice(1)).useful_gates(0.002).shape == (1, 0)


def test_one_part_alone_has_one_gate() -> None:
    text = text_of(SLOPES)
    alone = text._replace(weights=text.weights[1:], others=text.others[1:])
    assert alone.useful_gates(0.002).shape == (1, 5)
