"""The cache of beginnings: what it finds, and what it drops."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nextword.engine.engine import read_text
from nextword.engine.mixture.cache import Memory
from nextword.engine.prefix_cache import PrefixCache
from support.toy_engine import ToyEngine

texts = st.lists(st.lists(st.integers(1, 3), max_size=6), max_size=10)


@given(kept=texts, asked=st.lists(st.integers(1, 3), max_size=8))
def test_the_longest_beginning_that_is_shorter_than_the_text_is_found(kept: list[list[int]], asked: list[int]) -> None:
    cache = PrefixCache()
    for ids in kept:
        cache.keep(ids, tuple(ids))
    found = cache.find(asked)
    lengths = [len(ids) for ids in kept if ids and len(ids) < len(asked) and asked[: len(ids)] == ids]
    assert (found.num_tokens if found else 0) == max(lengths, default=0)
    assert found is None or found.state == tuple(asked[: found.num_tokens])


@given(asked=texts, max_entries=st.integers(0, 4))
def test_a_text_is_read_as_without_the_cache(asked: list[list[int]], max_entries: int) -> None:
    engine, cache = ToyEngine(4, 0), PrefixCache(max_entries=max_entries)
    for ids in asked:
        for found, expected in zip(read_text(engine, ids, cache), read_text(ToyEngine(4, 0), ids), strict=True):
            np.testing.assert_array_equal(found, expected)
        assert len(cache) <= max_entries


def test_only_the_last_token_and_what_is_new_are_read() -> None:
    engine, cache = ToyEngine(4, 0), PrefixCache()
    for ids, num_read in (([1, 2, 3], 4), ([1, 2, 3, 1], 2), ([1, 2, 3, 2], 1), ([1, 2, 3, 2], 1)):
        engine.shapes.clear()
        read_text(engine, ids, cache)
        assert len(engine.shapes) == num_read


def test_the_least_recently_used_goes_first() -> None:
    cache = PrefixCache(max_entries=2)
    cache.keep([1], "one")
    cache.keep([2], "two")
    assert cache.find([1, 9]) is not None
    cache.keep([3], "three")
    assert [cache.find([token_id, 9]) is not None for token_id in (1, 2, 3)] == [True, False, True]
    assert cache.num_reused == 3


def test_bytes_are_bounded_and_shared_arrays_count_once() -> None:
    array = np.zeros(100, np.float32)
    memory = Memory().after(np.array([1, 2], np.int32), np.zeros((2, 5), np.float32), 8)
    cache = PrefixCache(max_bytes=2000)
    cache.keep([1], (array, memory))
    used = cache.num_bytes
    assert 400 < used <= 2000
    cache.keep([1, 2], (array, memory))
    assert cache.num_bytes == used
    cache.keep([1, 3], np.zeros(300, np.float32))
    assert cache.num_bytes <= 2000
    cache.keep([1, 4], np.zeros(501, np.float32))  # alone above the bound
    assert (len(cache), cache.num_bytes) == (0, 0)


def test_a_reader_that_needs_hidden_states_gets_a_beginning_with_them() -> None:
    cache, hidden = PrefixCache(), np.zeros(3, np.float32)
    cache.keep([1, 2], "with", {1: hidden})
    cache.keep([1, 2, 3], "without")
    assert (found := cache.find([1, 2, 3, 4])) is not None
    assert found.state == "without"
    assert (found := cache.find([1, 2, 3, 4], [1, 4])) is not None
    assert found.state == "with"
    assert found.hidden[1] is hidden
    assert cache.find([1, 2, 3, 4], [2]) is None
