"""A network with n-grams and a cache at once: which parts are used, and that no text changes another."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from nextword.bundle.mixture import Mixture, MixtureSettings
from nextword.engine.distribution_engine import token_scores
from nextword.engine.engine import Engine
from nextword.engine.mixture import mixture_engine
from nextword.engine.mixture.cache import CachePart
from nextword.engine.mixture.kneser_ney import KneserNeyModel
from nextword.engine.mixture.mixture_engine import MixtureEngine, NgramPart, parts_of
from nextword.engine.mixture.pruning import packed_within
from nextword.errors import SettingError
from support.engine_scores import scores_of
from support.inner_engines import END_ID, VOCABULARY_SIZE, BigramEngine, toy_engine
from support.small_mixture import SETTINGS, random_gates

Floats = NDArray[np.float32]

TEXT = np.random.default_rng(4).integers(VOCABULARY_SIZE, size=400, dtype=np.int32) // 2
MODEL = KneserNeyModel.fit(TEXT, 4, vocabulary_size=VOCABULARY_SIZE, end_id=END_ID)
NGRAMS = packed_within(MODEL, TEXT, 1000, end_id=END_ID)
NETWORK = toy_engine(1, hidden_size=4)
MIXTURE = Mixture(SETTINGS, NGRAMS, random_gates(4))
ENGINE = MixtureEngine(NETWORK, parts_of(MIXTURE))


def ids_of(num_texts: int, num_steps: int, seed: int = 1) -> NDArray[np.int32]:
    """Return texts, half of whose tokens are in the n-grams."""
    return np.random.default_rng(seed).integers(VOCABULARY_SIZE, size=(num_texts, num_steps), dtype=np.int32)


def stepped(engine: Engine, ids: NDArray[np.int32], state: Any = None) -> tuple[Floats, Any]:
    """Return the log-probabilities after each token `(B, T, V)`, read one by one, and the state."""
    state, steps = engine.start(len(ids)) if state is None else state, []
    for column in ids.T:
        log_probs, state = engine.step(column, state)
        steps.append(log_probs)
    return np.stack(steps, axis=1), state


@pytest.mark.parametrize(
    ("changes", "has_ngrams", "expected"),
    [
        ({}, True, [NgramPart, CachePart]),
        ({"cache_weight": 0.0}, True, [NgramPart]),
        ({"ngram_weight": 0.0}, True, [CachePart]),
        ({"ngram_weight": 0.0}, False, [CachePart]),
        ({"ngram_weight": 0.0, "cache_weight": 0.0}, True, []),
        ({"ngram_weight": 0.0, "cache_weight": 0.0}, False, []),
    ],
)
def test_parts_of_weight_0_are_left_out(changes: dict[str, float], has_ngrams: bool, expected: list[type]) -> None:
    parts = parts_of(Mixture(SETTINGS.replace(**changes), NGRAMS if has_ngrams else None))
    assert [type(part) for part in parts] == expected
    for part in parts:
        if isinstance(part, NgramPart):
            assert part.weight == SETTINGS.ngram_weight
        elif isinstance(part, CachePart):
            assert part.settings == SETTINGS.replace(**changes)


def test_without_parts_it_is_the_network() -> None:
    ids, targets = ids_of(3, 9), ids_of(3, 9, seed=2)
    engine = MixtureEngine(NETWORK, ())
    (found, state), (expected, own) = (each.predict_window(ids, each.start(3)) for each in (engine, NETWORK))
    np.testing.assert_allclose(found.log_probs, expected.log_probs, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(found.hidden, expected.hidden)
    np.testing.assert_array_equal(state.network, own)
    scores, _ = engine.score_window(ids, targets, engine.start(3))
    np.testing.assert_array_equal(scores.ranks, NETWORK.score_window(ids, targets, NETWORK.start(3))[0].ranks)


def test_a_mixture_of_a_mixture_is_one_with_the_parts_of_both() -> None:
    first, second = parts_of(MIXTURE)
    nested = MixtureEngine(MixtureEngine(NETWORK, [first]), [second])
    assert nested.network is ENGINE.network is NETWORK
    assert nested.parts == (first, second)
    ids = ids_of(2, 12)
    np.testing.assert_array_equal(stepped(nested, ids)[0], stepped(ENGINE, ids)[0])
    swapped = stepped(MixtureEngine(MixtureEngine(NETWORK, [second]), [first]), ids)[0]
    assert np.abs(swapped - stepped(ENGINE, ids)[0]).max() > 0.01  # the order counts


def test_a_window_is_its_steps() -> None:
    ids, targets = ids_of(3, 20), ids_of(3, 20, seed=2)
    steps, after_steps = stepped(ENGINE, ids)
    window, after_window = ENGINE.predict_window(ids, ENGINE.start(3))
    np.testing.assert_allclose(np.exp(window.log_probs), np.exp(steps), atol=1e-6)
    np.testing.assert_allclose(np.exp(steps.astype(np.float64)).sum(axis=-1), 1, atol=1e-6)
    np.testing.assert_array_equal(after_window.parts[0], after_steps.parts[0])
    following = [np.exp(stepped(ENGINE, ids, state)[0]) for state in (after_window, after_steps)]
    np.testing.assert_allclose(following[0], following[1], atol=1e-6)
    assert np.abs(following[1] - np.exp(steps)).max() > 0.1  # the state counts
    expected = token_scores(steps, targets)
    for piece in (mixture_engine._PIECE, 1, 300):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(mixture_engine, "_PIECE", piece)
            assert (len(ENGINE.pieces(*ids.shape)) > 1) is (piece < 1000)
            scores, _ = ENGINE.score_window(ids, targets, ENGINE.start(3))
        np.testing.assert_allclose(np.exp(scores.log_probs), np.exp(expected.log_probs), atol=1e-6)
        np.testing.assert_array_equal(scores.ranks, expected.ranks)


@given(data=st.data())
def test_texts_that_branch_and_join_are_the_texts_alone(data: st.DataObject) -> None:
    """To the last bit: a service steps the texts of all its users together."""
    texts = [[END_ID]]
    log_probs, state = ENGINE.step(np.array([END_ID]), ENGINE.start(1))
    for _ in range(data.draw(st.integers(1, 12))):
        rows = data.draw(st.lists(st.integers(0, len(texts) - 1), min_size=1, max_size=4))
        texts, state = [texts[row] for row in rows], ENGINE.select(state, np.array(rows))
        if data.draw(st.booleans()):
            texts, state = [*texts, []], ENGINE.join([state, ENGINE.start(1)])
        tokens = data.draw(st.lists(st.integers(0, 5), min_size=len(texts), max_size=len(texts)))
        log_probs, state = ENGINE.step(np.array(tokens, np.int32), state)
        texts = [[*text, token] for text, token in zip(texts, tokens, strict=True)]
    for text, found in zip(texts, log_probs, strict=True):
        np.testing.assert_array_equal(found, stepped(ENGINE, np.array([text], np.int32))[0][0, -1])


def test_a_token_that_no_part_expects_has_a_finite_log_probability() -> None:
    network = BigramEngine()
    network.table = np.where(np.eye(7), 0, -np.inf).astype(np.float32)
    engine = MixtureEngine(network, [CachePart(MixtureSettings(cache_weight=0.5))])
    ids = np.arange(7, dtype=np.int32)[None]
    log_probs = engine.predict_window(ids, engine.start(1))[0].log_probs
    np.testing.assert_allclose(log_probs[0, 0, :2], [0, np.log(np.finfo(np.float32).tiny)], rtol=1e-6)
    assert np.isfinite(log_probs).all()
    scores, _ = engine.score_window(ids, ids[:, ::-1], engine.start(1))
    np.testing.assert_array_equal(scores.log_probs, np.take_along_axis(log_probs, ids[:, ::-1, None], -1)[..., 0])


def test_what_does_not_fit_the_network_is_rejected(hiddenless_engine: Engine) -> None:
    with pytest.raises(SettingError, match="must have the 7 tokens of the engine, but has 11; fit it to ids"):
        MixtureEngine(MixtureEngine(BigramEngine(), ()), parts_of(MIXTURE))
    engine = MixtureEngine(hiddenless_engine, parts_of(MIXTURE))
    for call in (
        lambda: engine.step(np.array([1]), engine.start(1)),
        lambda: scores_of(engine, ids_of(2, 3), np.array([3, 3], np.int32)),
    ):
        with pytest.raises(SettingError, match="needs an engine with hidden states, but this one has none"):
            call()
    cache = MixtureEngine(hiddenless_engine, parts_of(MIXTURE)[1:])
    with pytest.raises(SettingError, match="a cache needs an engine with hidden states"):
        cache.predict_window(ids_of(2, 3), cache.start(2))
    ngrams_alone = MixtureEngine(hiddenless_engine, parts_of(Mixture(MixtureSettings(ngram_weight=0.5), NGRAMS)))
    np.testing.assert_allclose(np.exp(stepped(ngrams_alone, ids_of(2, 3))[0]).sum(axis=-1), 1, atol=1e-6)
