import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextword.errors import TextError
from nextword.text.tokens.vocabulary import END, UNKNOWN, Vocabulary

COUNTS = st.dictionaries(st.text("abcdef", min_size=1, max_size=3) | st.sampled_from([UNKNOWN, END]), st.integers(1, 9))


def test_tokens_are_sorted_by_count_and_then_by_themselves_specials_among_them() -> None:
    vocabulary = Vocabulary.from_counts({"b": 2, "a": 2, "z": 5, END: 3, UNKNOWN: 1, "Ω": 1})
    assert vocabulary.tokens == ("z", END, "a", "b", UNKNOWN, "Ω")
    assert (vocabulary.end_id, vocabulary.unknown_id, vocabulary.id_of("b")) == (1, 4, 3)


def test_unknown_is_there_even_where_nothing_is_unknown() -> None:
    assert Vocabulary.from_counts({"a": 1, END: 1}).tokens == (END, "a", UNKNOWN)


def test_what_is_cut_off_counts_as_unknown() -> None:
    assert Vocabulary.from_counts({"a": 3, "b": 2, "c": 2, END: 1}, minimum_count=3).tokens == (UNKNOWN, "a", END)


def test_the_specials_are_kept_however_rare() -> None:
    assert set(Vocabulary.from_counts({"a": 9}, minimum_count=5, maximum_size=3).tokens) == {"a", UNKNOWN, END}


@settings(deadline=None)
@given(COUNTS, st.integers(0, 12))
def test_the_tokens_kept_are_the_first_by_count_and_name(counts: dict[str, int], most: int) -> None:
    ordinary = {token: count for token, count in counts.items() if token not in (UNKNOWN, END)}
    kept = sorted(ordinary, key=lambda token: (-ordinary[token], token))[:most]
    assert set(Vocabulary.from_counts(counts, maximum_size=most + 2).tokens) == {*kept, UNKNOWN, END}


@settings(deadline=None)
@given(COUNTS, st.integers(1, 9), st.none() | st.integers(3, 9))
def test_ids_and_tokens_are_inverse(counts: dict[str, int], minimum: int, maximum: int | None) -> None:
    vocabulary = Vocabulary.from_counts(counts, minimum_count=minimum, maximum_size=maximum)
    assert [vocabulary.id_of(token) for token in vocabulary.tokens] == list(range(len(vocabulary)))
    assert [vocabulary.token_of(token_id) for token_id in range(len(vocabulary))] == list(vocabulary.tokens)
    assert len(vocabulary) <= (maximum or len(vocabulary))
    for token in counts:
        assert (token in vocabulary) == (vocabulary.id_of(token) != vocabulary.unknown_id or token == UNKNOWN)


@pytest.mark.parametrize("token_id", [-1, 2])
def test_an_id_outside_is_refused(token_id: int) -> None:
    with pytest.raises(TextError, match=f"between 0 and 1, but is {token_id}"):
        Vocabulary((UNKNOWN, END)).token_of(token_id)


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (("a", UNKNOWN), "must hold `<eos>`"),
        (("a", END), "must hold `<unk>`"),
        (("a", "a", UNKNOWN, END), "distinct"),
        (("", UNKNOWN, END), "one or more characters"),
        (("a\nb", UNKNOWN, END), "line end"),
        (("a\0", UNKNOWN, END), "NUL"),
        (("\ud800", UNKNOWN, END), "ud800"),
    ],
)
def test_what_cannot_be_a_vocabulary_is_refused(tokens: tuple[str, ...], message: str) -> None:
    with pytest.raises(TextError, match=message):
        Vocabulary(tokens)


def test_its_representation_is_short() -> None:
    assert repr(Vocabulary((UNKNOWN, END))) == "<Vocabulary of 2 tokens>"


@settings(deadline=None)
@given(COUNTS, COUNTS, st.integers(1, 5), st.none() | st.integers(2, 9))
def test_a_merged_vocabulary_loses_no_word_and_drops_unused_ones_first(
    old: dict[str, int], new: dict[str, int], minimum: int, maximum: int | None
) -> None:
    base = Vocabulary.from_counts(old)
    merged = Vocabulary.merged(base, [new], minimum_count=minimum, maximum_size=maximum).tokens
    wanted = {*base.tokens, *(token for token, count in new.items() if count >= minimum)}
    assert len(set(merged)) == len(merged)
    assert set(merged) == wanted if maximum is None else len(merged) == min(max(maximum, 2), len(wanted))
    assert set(merged) <= wanted
    counts = [new.get(token, 0) for token in merged if token != UNKNOWN]
    assert counts == sorted(counts, reverse=True)
    unused = [token for token in merged if token in base and not new.get(token) and token != UNKNOWN]
    assert unused == sorted(unused, key=base.id_of)
    used = [new.get(token, 0) for token in merged if token not in (UNKNOWN, END)]
    assert all(new.get(token, 0) <= min(used, default=9) for token in wanted.difference(merged))
