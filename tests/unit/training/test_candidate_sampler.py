"""The candidates stand for the whole vocabulary: each target among them, and the partition sum right on average."""

from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextword.errors import SettingError
from nextword.ops.cross_entropy import linear_cross_entropy
from nextword.ops.sampled_softmax import Candidates, sampled_cross_entropy
from nextword.training.candidate_sampler import CandidateSampler

VOCABULARY_SIZE = 30
COUNTS = np.random.default_rng(0).permutation(2 ** np.arange(VOCABULARY_SIZE) % 1009)


def drawn(targets: list[int], num_samples: int = 8, seed: int = 0) -> Candidates:
    candidates = CandidateSampler(COUNTS, num_samples, seed=seed)(np.array(targets, np.int32))
    return Candidates(*map(np.asarray, candidates))


@settings(max_examples=20)
@given(
    targets=st.lists(st.integers(0, VOCABULARY_SIZE - 1), min_size=1, max_size=12),
    num_samples=st.integers(2, VOCABULARY_SIZE - 1),
    seed=st.integers(0, 100),
)
def test_every_target_has_a_place_that_counts_once(targets: list[int], num_samples: int, seed: int) -> None:
    candidates = drawn(targets, num_samples, seed)
    assert candidates.ids.shape == candidates.log_weights.shape == (num_samples + len(targets),)
    np.testing.assert_array_equal(candidates.ids[candidates.places], targets)
    assert not candidates.log_weights[candidates.places].any()
    for target in targets:
        counted = candidates.log_weights[candidates.ids == target] > -1e8
        assert counted.sum() == 1


def test_half_are_the_most_frequent_and_always_there() -> None:
    most_frequent = set(np.argsort(-COUNTS, kind="stable")[:4].tolist())
    for seed in range(5):
        candidates = drawn([0], 8, seed)
        assert set(candidates.ids[:4].tolist()) == most_frequent
        assert not set(candidates.ids[5:].tolist()) & most_frequent


def test_the_partition_sum_is_right_on_average() -> None:
    random = np.random.default_rng(1)
    exponentials = np.exp(random.normal(size=VOCABULARY_SIZE))
    sampler, targets = CandidateSampler(COUNTS, 26), np.array([3, 3, 17, 25], np.int32)
    candidates = [sampler(targets) for _ in range(400)]
    estimates = [np.sum(exponentials[drawn.ids] * np.exp(drawn.log_weights)) for drawn in candidates]
    deviation = np.std(estimates) / np.sqrt(len(estimates))
    assert deviation < 0.03 * exponentials.sum()
    assert abs(np.mean(estimates) - exponentials.sum()) < 5 * deviation


def losses(tied: bool, num_samples: int) -> tuple[Any, Any]:
    random = np.random.default_rng(2)
    hidden = random.normal(size=(6, 4)).astype(np.float32)
    kernel = random.normal(size=(VOCABULARY_SIZE, 4)).astype(np.float32)
    kernel = kernel if tied else np.ascontiguousarray(kernel.T)
    bias = random.normal(size=VOCABULARY_SIZE).astype(np.float32)
    targets, weights = random.integers(VOCABULARY_SIZE, size=6, dtype=np.int32), np.ones(6, np.float32)
    sampler = CandidateSampler(COUNTS, num_samples)
    draws = [sampler(targets) for _ in range(20)]

    def sampled(kernel: Any) -> Any:
        options = {"kernel": kernel, "bias": bias, "tied": tied}
        totals = [sampled_cross_entropy(hidden, drawn, weights, **options).total for drawn in draws]
        return sum(totals) / len(totals)

    def full(kernel: Any) -> Any:
        return linear_cross_entropy(hidden, targets, weights, kernel=kernel, bias=bias, tied=tied).total

    return jax.value_and_grad(sampled)(kernel), jax.value_and_grad(full)(kernel)


@pytest.mark.parametrize("tied", [True, False])
def test_with_nearly_all_tokens_it_is_on_average_nearly_the_full_softmax(tied: bool) -> None:
    (sampled, sampled_gradient), (full, full_gradient) = losses(tied, VOCABULARY_SIZE - 1)
    np.testing.assert_allclose(sampled, full, rtol=0.05)
    assert np.corrcoef(np.ravel(sampled_gradient), np.ravel(full_gradient))[0, 1] > 0.99


@pytest.mark.parametrize("num_samples", [1, VOCABULARY_SIZE, VOCABULARY_SIZE + 1])
def test_as_many_samples_as_tokens_are_refused(num_samples: int) -> None:
    with pytest.raises(SettingError, match=rf"below the vocabulary of 30, but is {num_samples}; leave it out"):
        CandidateSampler(COUNTS, num_samples)
