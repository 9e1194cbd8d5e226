import itertools
from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nextword.ngram.count_table import CountTable
from nextword.ngram.counting import count_ngrams

END, A, B, C = range(4)


def counted(tables: list[CountTable]) -> list[dict[tuple[int, ...], int]]:
    """Return the n-grams of each length written out, with their counts."""
    written: list[tuple[int, ...]] = [(token,) for token in range(len(tables[0].keys))]
    lengths = [dict(zip(written, tables[0].counts.tolist(), strict=True))]
    for table in tables[1:]:
        pairs = zip(table.contexts.tolist(), table.tokens.tolist(), strict=True)
        written = [(*written[context], token) for context, token in pairs]
        lengths.append(dict(zip(written, table.counts.tolist(), strict=True)))
    return lengths


def test_a_text_is_counted_as_by_hand() -> None:
    ids = np.array([A, B, END, A, C, END, A, B, END], np.int32)
    singles, pairs, triples = counted(count_ngrams(ids, 3, vocabulary_size=4, end_id=END))
    assert triples == {(END, A, B): 2, (A, B, END): 2, (END, A, C): 1, (A, C, END): 1}
    # `<eos> a` begins sentences and counts three times; each other pair has one token before it.
    assert pairs == {(END, A): 3, (A, B): 1, (A, C): 1, (B, END): 1, (C, END): 1}
    assert singles == {(END,): 2, (A,): 1, (B,): 1, (C,): 1}


@given(ids=st.lists(st.integers(0, 3), min_size=1, max_size=40), order=st.integers(1, 5))
def test_the_longest_are_counted_where_they_stand_and_never_across_a_sentence_end(ids: list[int], order: int) -> None:
    tables = counted(count_ngrams(np.array(ids, np.int32), order, vocabulary_size=4, end_id=END))
    read = [END, *ids]
    windows = [tuple(read[first : first + order]) for first in range(len(read) - order + 1)]
    expected = Counter(window for window in windows if END not in window[1:-1])
    if order == 1:
        expected = Counter((token,) for token in ids)
    assert {ngram: count for ngram, count in tables[-1].items() if count} == dict(expected)


@given(ids=st.lists(st.integers(0, 3), min_size=1, max_size=40))
def test_the_shorter_are_counted_by_what_stands_before_them(ids: list[int]) -> None:
    _, pairs, triples = counted(count_ngrams(np.array(ids, np.int32), 3, vocabulary_size=4, end_id=END))
    read = [END, *ids]
    stands: Counter[tuple[int, ...]] = Counter(itertools.pairwise(read))
    for pair, count in pairs.items():
        different = sum(triple[1:] == pair for triple in triples)
        assert count == (stands[pair] if pair[0] == END else different)


def test_what_is_not_there_has_no_number() -> None:
    table = count_ngrams(np.array([A, B], np.int32), 2, vocabulary_size=4, end_id=END)[1]
    numbers = table.numbers(np.array([END, A, B, -1]), np.array([A, B, A, A]))
    assert numbers.tolist() == [0, 1, -1, -1]
    empty = count_ngrams(np.array([A], np.int32), 3, vocabulary_size=4, end_id=END)[2]
    assert empty.numbers(np.array([0]), np.array([A])).tolist() == [-1]
