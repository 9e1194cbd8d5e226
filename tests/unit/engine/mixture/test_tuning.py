from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from nextword.bundle.mixture import NO_GATES, Mixture
from nextword.engine.engine import Engine
from nextword.engine.mixture.cache import cache_mass
from nextword.engine.mixture.gates import MixedText
from nextword.engine.mixture.interpolated_model import contexts_of
from nextword.engine.mixture.kneser_ney import KneserNeyModel
from nextword.engine.mixture.mixture_engine import MixtureEngine, parts_of
from nextword.engine.mixture.pruning import packed_within, unpacked
from nextword.engine.mixture.tuning import (
    Effort,
    FittedMixture,
    best_cache,
    fitted_mixture,
    mean_log_prob,
    mixture_weights,
    read_with_caches,
)
from nextword.engine.stream import token_log_probs
from nextword.text.batching.window import TokenIds
from support.inner_engines import BigramEngine, text_of, toy_engine, with_cache
from support.small_mixture import SETTINGS, random_gates

MANY_BYTES = 100_000
ALL = Effort()


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


def test_texts_side_by_side_are_read_as_each_alone() -> None:
    engine, texts = BigramEngine(), np.random.default_rng(0).integers(7, size=(3, 700), dtype=np.int32)
    own, trials, hidden = read_with_caches(engine, texts)
    alone = [read_with_caches(engine, text[None]) for text in texts]
    np.testing.assert_array_equal(own, np.concatenate([each.own for each in alone]))
    assert hidden is not None
    assert hidden.shape == (3 * 700, 7)
    np.testing.assert_array_equal(hidden, np.concatenate([each.hidden for each in alone if each.hidden is not None]))
    for field in ("hits", "log_totals"):
        expected = np.concatenate([getattr(each.trials[0.7, 0.002], field) for each in alone])
        np.testing.assert_allclose(getattr(trials[0.7, 0.002], field), expected, rtol=1e-5, atol=1e-7)


def test_tuning_uses_the_probabilities_of_the_mixture() -> None:
    engine, ids = BigramEngine(), np.random.default_rng(0).integers(7, size=1_100, dtype=np.int32)
    own, trials, _ = read_with_caches(engine, ids[None])
    for theta, decay, sentinel in ((0.1, 0.0, 0.0), (0.7, 0.002, 4.0), (2.0, 0.004, 4.0)):
        shares = {"cache_theta": theta, "cache_decay": decay, "cache_weight": 0.3, "cache_sentinel": sentinel}
        expected = np.exp(token_log_probs(with_cache(engine, cache_size=1000, cache_delay=8, **shares), ids))
        np.testing.assert_allclose(trials[theta, decay].mixed(own, 0.3, sentinel), expected, rtol=1e-4)


def test_the_best_cache_is_the_best_of_those_tried() -> None:
    random = np.random.default_rng(1)
    ids = np.repeat(random.integers(7, size=(40, 1)), 20, axis=1).ravel().astype(np.int32)  # runs of one word
    own, trials, _ = read_with_caches(BigramEngine(), ids[None])
    found, settings = best_cache(own, trials)
    chosen = trials[settings.cache_theta, settings.cache_decay]
    mixed = chosen.mixed(own, settings.cache_weight, settings.cache_sentinel)
    assert found == pytest.approx(np.log(mixed).mean())
    for trial in trials.values():
        for weight in (0.1, 0.5, 0.9):
            assert np.log(trial.mixed(own, weight, 0.0)).mean() <= found + 1e-9


def fitted(engine: Engine, train: TokenIds, valid: TokenIds, effort: Effort = ALL) -> FittedMixture:
    return fitted_mixture(engine, train, valid, max_bytes=MANY_BYTES, effort=effort)


@pytest.fixture(scope="module")
def other() -> TokenIds:
    """A text of another source than the network's."""
    return text_of(BigramEngine(seed=2, boldness=2.0), 12_000)


def test_n_grams_help_a_network_that_does_not_know_the_text(other: TokenIds) -> None:
    engine, (train, valid, test) = BigramEngine(), np.split(other, [8_000, 10_000])
    found = fitted(engine, train, valid)
    assert found.mixture is not None
    assert found.mixture.settings.ngram_weight > 0.9
    assert found.counted_tokens == 8_000
    assert 0 <= found.pruning_cost < 0.05
    mixed = MixtureEngine(engine, parts_of(found.mixture))
    assert token_log_probs(mixed, test).mean() > token_log_probs(engine, test).mean() + 0.5


def test_a_cache_helps_with_a_text_that_repeats_itself() -> None:
    random = np.random.default_rng(1)
    valid = np.concatenate([np.tile(random.permutation(7)[:3], 60) for _ in range(20)]).astype(np.int32)
    found = fitted(BigramEngine(boldness=0.1), np.zeros(0, np.int32), valid)
    assert found.mixture is not None
    assert (found.mixture.ngrams, found.mixture.settings.ngram_weight) == (None, 0.0)
    assert found.mixture.settings.cache_weight > 0.5


def test_what_does_not_help_is_left_out() -> None:
    engine = BigramEngine(boldness=2.0)
    assert fitted(engine, text_of(engine, 300, seed=5), text_of(engine, 2_000, seed=6)).mixture is None


def test_the_weights_follow_the_hidden_state_if_that_helps() -> None:
    """After some words the network alone knows the text, after the others the n-grams alone do."""
    random = np.random.default_rng(0)
    engine, laws, is_known = BigramEngine(boldness=2.0), random.dirichlet(np.full(7, 0.2), size=7), np.arange(7) < 4
    known, counted = np.exp(engine.table), np.where(is_known[:, None], 1 / 7, laws)

    def text(probabilities: NDArray[np.float64], count: int) -> TokenIds:
        ids = [0]
        for draw in random.random(count):
            ids.append(min(int(np.searchsorted(probabilities[ids[-1]].cumsum(), draw)), 6))
        return np.array(ids, np.int32)

    read = np.where(is_known[:, None], known, laws)
    valid, test = text(read, 3_000), text(read, 3_000)
    mixture = fitted(engine, text(counted, 6_000), valid).mixture
    assert mixture is not None
    gate = np.array(mixture.gates.ngram)
    assert gate[:7][~is_known].min() > gate[:7][is_known].max() + 1
    alone = replace(mixture, gates=NO_GATES)
    scores = [token_log_probs(MixtureEngine(engine, parts_of(each)), test).mean() for each in (mixture, alone)]
    assert scores[0] > scores[1] + 0.1


def test_gates_tell_the_engine_what_they_told_the_tuning() -> None:
    engine, ids = toy_engine(2, hidden_size=5), np.random.default_rng(0).integers(11, size=800, dtype=np.int32) // 3
    model = KneserNeyModel.fit(ids, 3, vocabulary_size=11, end_id=engine.end_id)
    ngrams, gates = packed_within(model, ids, 10_000, end_id=engine.end_id), random_gates(5)
    settings = SETTINGS.replace(cache_size=1000, cache_delay=8, cache_decay=0.002)
    mixed = MixtureEngine(engine, parts_of(Mixture(settings, ngrams, gates)))

    own, trials, hidden = read_with_caches(engine, ids[None])
    trial = trials[settings.cache_theta, settings.cache_decay]
    mass = cache_mass(trial.log_totals, settings.cache_weight, settings.cache_sentinel)
    assert ngrams is not None
    counted = unpacked(ngrams).token_probabilities(contexts_of(ids, 3, end_id=engine.end_id), ids)
    assert hidden is not None
    weights = np.stack((np.full(len(ids), settings.ngram_weight), mass))
    others = np.stack((counted, trial.hits.astype(np.float64)))
    found = MixedText(hidden, own, weights, others).log_prob(np.array(gates, np.float32))
    assert found == pytest.approx(token_log_probs(mixed, ids).mean(), abs=1e-5)


def test_an_engine_without_hidden_states_has_no_cache(hiddenless_engine: Engine) -> None:
    ids = np.tile(np.arange(hiddenless_engine.vocabulary_size), 200).astype(np.int32)
    found = fitted(hiddenless_engine, ids, ids)
    assert found.mixture is not None
    assert found.mixture.settings.cache_weight == 0


def test_only_the_latest_training_tokens_are_counted(other: TokenIds) -> None:
    effort, valid = Effort(train_tokens=3_000), other[8_000:]
    found, expected = (
        fitted(BigramEngine(), other[:8_000], valid, effort),
        fitted(BigramEngine(), other[5_000:8_000], valid),
    )
    assert found.mixture is not None
    assert expected.mixture is not None
    assert found.counted_tokens == 3_000
    assert found.mixture.to_json() == expected.mixture.to_json()


def test_only_some_validation_tokens_are_read(other: TokenIds) -> None:
    train, valid = other[:200], other[8_000:]
    found = fitted(BigramEngine(), train, valid, Effort(valid_tokens=1_500))
    expected, all_of_it = (fitted(BigramEngine(), train, ids) for ids in (valid[:1_500], valid))
    assert found.mixture is not None
    assert expected.mixture is not None
    assert all_of_it.mixture is not None
    assert found.mixture.settings == expected.mixture.settings
    assert found.mixture.settings != all_of_it.mixture.settings


@pytest.mark.parametrize(("depth", "order"), [(2, 3), (4, 5)])
def test_n_grams_are_as_long_as_the_text_needs(depth: int, order: int) -> None:
    """Each token depends on the two, or on the four, before it."""
    random = np.random.default_rng(0)
    laws = random.dirichlet(np.full(7, 0.2), size=(7,) * depth)
    ids = [0] * depth
    for draw in random.random(12_000):
        ids.append(min(int(np.searchsorted(laws[tuple(ids[-depth:])].cumsum(), draw)), 6))
    found = fitted(BigramEngine(), np.array(ids[:10_000], np.int32), np.array(ids[10_000:], np.int32)).mixture
    assert found is not None
    assert found.ngrams is not None
    assert len(found.ngrams.num_ngrams) == order - 1


def test_n_grams_take_no_more_than_they_may(other: TokenIds) -> None:
    found = fitted_mixture(BigramEngine(), other[:8_000], other[8_000:], max_bytes=400, effort=Effort())
    assert found.mixture is not None
    assert found.mixture.ngrams is not None
    assert len(found.mixture.ngrams.to_bytes()) <= 400


@given(seconds=st.floats(0, 1000), token_seconds=st.floats(0, 0.1))
def test_an_effort_takes_the_time_that_there_is(seconds: float, token_seconds: float) -> None:
    effort = Effort.within(seconds, token_seconds)
    assert effort.seconds(10**9, 10**9, token_seconds) <= max(seconds, 0)
    assert effort.seconds(10, 10, token_seconds) <= effort.seconds(10**9, 10**9, token_seconds)
    assert Effort.within(2 * seconds, token_seconds).train_tokens >= effort.train_tokens
    assert Effort.within(seconds, 2 * token_seconds).valid_tokens <= effort.valid_tokens
    assert effort.train_tokens <= Effort().train_tokens
    assert effort.valid_tokens <= Effort().valid_tokens
