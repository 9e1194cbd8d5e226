import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nextword.engine.mixture.tuning import mean_log_prob, mixture_weights


@given(seed=st.integers(0, 1_000), count=st.integers(2, 4))
def test_mixture_weights_are_optimal(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    probabilities = random.beta(0.3, 1, size=(count, 50)) + 1e-6
    best = mixture_weights(probabilities)
    assert best.sum() == 1 or np.isclose(best.sum(), 1)
    score = mean_log_prob(best, probabilities)
    for other in random.dirichlet(np.ones(count), size=30):
        assert mean_log_prob(other, probabilities) <= score + 1e-5


def test_a_distribution_that_is_never_right_gets_no_weight() -> None:
    weights = mixture_weights(np.array([[0.5, 0.5], [0.0, 0.0]]))
    np.testing.assert_allclose(weights, [1, 0], atol=1e-6)
