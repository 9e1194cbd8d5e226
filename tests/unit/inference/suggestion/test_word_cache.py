from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from nextword.inference.suggestion.user_words import UserWords
from nextword.inference.suggestion.word_cache import BASE_WEIGHT, WordCache, WordUse, mix_probabilities
from nextword.text.tokens.vocabulary import Vocabulary

VOCABULARY = Vocabulary(("<unk>", "<eos>", "the"))
contexts = hnp.arrays(np.float32, 3, elements=st.floats(-1, 1, width=32))
uses = st.lists(st.tuples(st.sampled_from(["Zoë", "zola", "Tolu"]), st.none() | contexts), max_size=8)


def cache_of(*before: str, theta: float = 5.0, memory: int = 100) -> WordCache:
    words = UserWords()
    for word in before:
        words.learn(word)
    return WordCache(words, VOCABULARY, theta=theta, memory=memory)


def weights_of(cache: WordCache, hidden: NDArray[np.float32] | None) -> dict[str, float]:
    return dict(zip(cache.words, cache.weights(hidden).tolist(), strict=True))


@given(used=uses, hidden=contexts, theta=st.floats(0, 20), memory=st.integers(1, 9))
def test_weights_match_the_formula(
    used: list[tuple[str, NDArray[np.float32] | None]], hidden: NDArray[np.float32], theta: float, memory: int
) -> None:
    cache = cache_of("Zoë", "Ada", theta=theta, memory=memory)
    for word, context in used:
        cache.learn(WordUse(word, context))
    expected: defaultdict[str, float] = defaultdict(float)
    for word, count in Counter(["Zoë", "Ada", *(word for word, _ in used)]).items():
        expected[word] += BASE_WEIGHT * np.log(1 + count)
    for word, context in used[-memory:]:
        if context is not None:
            squares = max(float(np.float64(hidden @ hidden) + context @ context), 1e-38)
            expected[word] += np.exp(-theta * (1 - 2 * float(hidden @ context) / squares))
    assert weights_of(cache, hidden) == pytest.approx(dict(expected), rel=1e-4)


@given(before=uses, after=uses, hidden=contexts)
def test_unlearning_restores_the_cache(
    before: list[tuple[str, NDArray[np.float32] | None]],
    after: list[tuple[str, NDArray[np.float32] | None]],
    hidden: NDArray[np.float32],
) -> None:
    cache, other = cache_of("Ada"), cache_of("Ada")
    for word, context in before:
        cache.learn(WordUse(word, context))
        other.learn(WordUse(word, context))
    version = cache.version
    for word, context in after:
        cache.learn(WordUse(word, context))
    cache.unlearn(len(after))
    assert weights_of(cache, hidden) == weights_of(other, hidden)
    assert cache.version != version or not after
    assert cache.beginning_with("zo") == other.beginning_with("zo")


def test_words_are_found_by_prefix_in_any_case() -> None:
    cache = cache_of("Zoë", "zola", "Ada")
    cache.learn(WordUse("ZORA", None))
    found = [cache.words[place] for place in cache.beginning_with("zo")]
    assert sorted(found) == ["ZORA", "Zoë", "zola"]
    assert len(cache.beginning_with("")) == 4
    assert cache.beginning_with("x") == []


def test_words_of_the_vocabulary_are_not_in_the_cache() -> None:
    assert cache_of("the", "Ada").words == ["Ada"]


@given(
    weights=st.lists(st.floats(0, 1e6), max_size=5), unknown=st.floats(0, 1), weight=st.floats(0, 1, exclude_max=True)
)
def test_mixed_probabilities_sum_to_at_most_one(weights: list[float], unknown: float, weight: float) -> None:
    factor, outside = mix_probabilities(unknown, np.array(weights, np.float64), weight=weight)
    assert factor * (1 - unknown) + outside.sum() <= 1 + 1e-12
    assert 0 < factor <= 1
    assert (outside >= 0).all()
    assert outside.tolist() == pytest.approx(
        [weight / max(weights) * max(outside) for weight in weights] if any(weights) else outside.tolist()
    )


@given(used=uses, hidden=contexts)
def test_uses_in_earlier_texts_count_once(
    used: list[tuple[str, NDArray[np.float32] | None]], hidden: NDArray[np.float32]
) -> None:
    cache, words = cache_of(), UserWords()
    for word, context in used:
        cache.learn(WordUse(word, context))
        words.learn(word)
    earlier = [WordUse("forgotten", hidden), *(WordUse(word, context) for word, context in used)]
    later = WordCache(words, VOCABULARY, theta=5.0, memory=100, uses=earlier)
    assert weights_of(later, hidden) == pytest.approx(weights_of(cache, hidden))
