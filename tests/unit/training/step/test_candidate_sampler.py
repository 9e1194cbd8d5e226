"""The candidates contain each target, and estimate the partition function without bias."""

from typing import Any

import jax
import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nextword.errors import SettingError
from nextword.model.ops.cross_entropy import Candidates, linear_cross_entropy, sampled_cross_entropy
from nextword.training.step.candidate_sampler import AliasTable, CandidateSampler

VOCABULARY_SIZE = 30
COUNTS = np.random.default_rng(0).permutation(2 ** np.arange(VOCABULARY_SIZE) % 1009)


def drawn(targets: list[int], num_samples: int = 8, seed: int = 0) -> Candidates:
    candidates = CandidateSampler(COUNTS, num_samples, seed=seed)(np.array(targets, np.int32))
    return Candidates(*map(np.asarray, candidates))


@settings(max_examples=20)
@given(
    # Few shapes, since each is compiled.
    targets=st.sampled_from([1, 4, 12]).flatmap(
        lambda size: st.lists(st.integers(0, VOCABULARY_SIZE - 1), min_size=size, max_size=size)
    ),
    num_samples=st.sampled_from([2, 9, VOCABULARY_SIZE - 1]),
    seed=st.integers(0, 100),
)
def test_every_target_is_a_candidate_once(targets: list[int], num_samples: int, seed: int) -> None:
    candidates = drawn(targets, num_samples, seed)
    assert candidates.ids.shape == candidates.log_weights.shape == (num_samples + len(targets),)
    np.testing.assert_array_equal(candidates.ids[candidates.places], targets)
    assert not candidates.log_weights[candidates.places].any()
    for target in targets:
        counted = candidates.log_weights[candidates.ids == target] > -1e8
        assert counted.sum() == 1


def test_half_of_the_candidates_are_always_the_most_frequent_tokens() -> None:
    most_frequent = set(np.argsort(-COUNTS, kind="stable")[:4].tolist())
    for seed in range(5):
        candidates = drawn([0], 8, seed)
        assert set(candidates.ids[:4].tolist()) == most_frequent
        assert not set(candidates.ids[5:].tolist()) & most_frequent


def test_the_partition_function_is_unbiased() -> None:
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

    def sampled(kernel: Any, drawn: Candidates) -> Any:
        return sampled_cross_entropy(hidden, drawn, weights, kernel=kernel, bias=bias, tied=tied).total

    def full(kernel: Any) -> Any:
        return linear_cross_entropy(hidden, targets, weights, kernel=kernel, bias=bias, tied=tied).total

    step = jax.jit(jax.value_and_grad(sampled))
    values, gradients = zip(*(step(kernel, drawn) for drawn in draws), strict=True)
    return (np.mean(values), np.mean(gradients, axis=0)), jax.jit(jax.value_and_grad(full))(kernel)


@pytest.mark.parametrize("tied", [True, False])
def test_the_loss_approaches_the_full_softmax_with_nearly_all_tokens(tied: bool) -> None:
    (sampled, sampled_gradient), (full, full_gradient) = losses(tied, VOCABULARY_SIZE - 1)
    np.testing.assert_allclose(sampled, full, rtol=0.05)
    assert np.corrcoef(np.ravel(sampled_gradient), np.ravel(full_gradient))[0, 1] > 0.99


@pytest.mark.parametrize("num_samples", [1, VOCABULARY_SIZE, VOCABULARY_SIZE + 1])
def test_as_many_samples_as_tokens_are_refused(num_samples: int) -> None:
    with pytest.raises(SettingError, match=rf"below the vocabulary size 30, but is {num_samples}; leave it out"):
        CandidateSampler(COUNTS, num_samples)


def probabilities_of(table: AliasTable) -> NDArray[np.float64]:
    shares = table.thresholds.astype(np.float64)
    np.add.at(shares, table.aliases, 1.0 - table.thresholds.astype(np.float64))
    return shares / len(shares)


@settings(max_examples=50)
@given(weights=st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=50))
def test_the_alias_table_represents_the_distribution(weights: list[float]) -> None:
    probabilities = np.array(weights) / np.sum(weights)
    table = AliasTable.of(probabilities)
    np.testing.assert_allclose(probabilities_of(table), probabilities, rtol=0, atol=1e-6)
    assert ((table.thresholds >= 0) & (table.thresholds <= 1)).all()


def test_the_rarest_tokens_of_a_large_vocabulary_have_the_right_probability() -> None:
    counts = np.maximum(2**22 // np.arange(1, 2**18), 1) ** 0.75
    probabilities = counts / counts.sum()
    assert probabilities.min() < 10 * 2**-23  # eight of float32's steps below 1
    np.testing.assert_allclose(probabilities_of(AliasTable.of(probabilities)), probabilities, rtol=1e-5)


def test_draws_follow_the_distribution() -> None:
    probabilities = np.array([0.5, 0.0, 0.3, 0.15, 0.05])
    drawn = np.asarray(AliasTable.of(probabilities).draw(100_000, keras.random.SeedGenerator(0)))
    assert drawn.dtype == np.int32
    frequencies = np.bincount(drawn, minlength=5) / len(drawn)
    deviations = np.sqrt(probabilities * (1 - probabilities) / len(drawn))
    assert (abs(frequencies - probabilities) <= 5 * deviations).all()
    assert frequencies[1] == 0


def test_draws_are_reproducible_with_the_seed() -> None:
    table = AliasTable.of(np.full(1000, 1e-3))
    seed = keras.random.SeedGenerator(3)
    first, second = np.asarray(table.draw(50, seed)), np.asarray(table.draw(50, seed))
    assert (first != second).any()
    np.testing.assert_array_equal(table.draw(50, keras.random.SeedGenerator(3)), first)
