from collections.abc import Iterator
from itertools import product

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nextword.inference.generation.words import ForbiddenWords, Phrase, Speller
from nextword.text.options import TokenizerKind
from nextword.text.tokens.pre_tokens import is_word_character, tidy
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary
from support.writers import CHARACTERS, RUNNING_TEXT, WORDS

ONE, TWO, BESIDE = frozenset([1]), frozenset([2, 3]), frozenset([0, 9])


def spelled(tokenizer: Tokenizer, text: str) -> list[list[list[str]]]:
    vocabulary = tokenizer.vocabulary
    return [
        [sorted(map(vocabulary.token_of, ids)) for ids in phrase.sets] for phrase in Speller(tokenizer).phrases(text)
    ]


def test_all_spellings_are_found_shortest_first() -> None:
    assert spelled(RUNNING_TEXT, "don't") == [[["don't"]], [["don"], ["'"], ["t"]]]


def test_characters_match_whole_words() -> None:
    beside = [" ", ".", "<eos>", "<unk>"]
    assert spelled(CHARACTERS, "a.") == [[beside, ["A", "a"], ["."]]]
    assert spelled(CHARACTERS, "rt r")[0][1:-1] == [["r"], ["t"], [" "], ["r"]]


def test_subwords_match_whole_words() -> None:
    tokens = ("<eos>", "<unk>", " ", "a", "r", "t", ".", " a", "rt", " art", "art")
    subwords = Tokenizer("subword", "line", Vocabulary(tokens))
    before, after = [" ", ".", "<eos>", "<unk>"], [" ", " a", " art", ".", "<eos>", "<unk>"]
    assert spelled(subwords, "art")[:4] == [
        [[" art"], after],
        [before, ["art"], after],
        [[" a"], ["rt"], after],
        [before, ["a"], ["rt"], after],
    ]
    assert spelled(subwords, ".") == [[["."]]]


def test_the_number_of_spellings_is_limited() -> None:
    subwords = Tokenizer("subword", "line", Vocabulary(("<eos>", "<unk>", " ", "a", "aa", "aaa", "aaaa")))
    found = Speller(subwords).phrases("a" * 40)
    assert 0 < len(found) <= 64
    assert min(len(phrase.sets) for phrase in found) == 12
    assert Speller(subwords).phrases("a" * 60 + "b") == []


@pytest.mark.parametrize("text", ["", " ", "<unk>", "<eos>"])
def test_empty_text_and_special_tokens_have_no_spelling(text: str) -> None:
    assert spelled(WORDS, text) == []


def small_tokenizers() -> Iterator[Tokenizer]:
    vocabularies: list[tuple[TokenizerKind, tuple[str, ...]]] = [
        ("word", ("ab", "a", "b", "A", "'", " '", "' ", ",", ", ", " , ", "a'b")),
        ("pretokenized", ("ab", "a", "b", "A", "'", ",", "a'b")),
        ("subword", ("ab", "a", "b", "A", "'", ",", " ", " a", " ab", "b,")),
        ("character", ("a", "b", "A", "'", ",", " ")),
    ]
    for kind, tokens in vocabularies:
        yield Tokenizer(kind, "line", Vocabulary(("<eos>", "<unk>", *tokens)))


def _has_its_own_spaces(tokenizer: Tokenizer, row: tuple[int, ...]) -> bool:
    """Return whether neither end of a row is a single space, which is not part of the phrase."""
    first, last = (tokenizer.vocabulary.token_of(token_id) for token_id in (row[0], row[-1]))
    return tokenizer.kind not in ("subword", "character") or " " not in (first, last)


@given(st.data(), st.sampled_from(list(small_tokenizers())))
def test_the_spellings_match_brute_force(data: st.DataObject, tokenizer: Tokenizer) -> None:
    """Compare with all rows of up to three tokens."""
    ids = st.integers(2, tokenizer.vocabulary_size - 1)
    surface = tokenizer.decode(data.draw(st.lists(ids, min_size=1, max_size=3))).strip(" ")
    assume(surface and surface == tidy(surface, tokenizer.kind))
    expected = {
        row
        for length in (1, 2, 3)
        for row in product(range(2, tokenizer.vocabulary_size), repeat=length)
        if tokenizer.decode(row).strip(" ").casefold() == surface.casefold() and _has_its_own_spaces(tokenizer, row)
    }
    found = set()
    for phrase in Speller(tokenizer).phrases(surface):
        core = phrase.sets[phrase.opened : len(phrase.sets) - phrase.closed]
        found |= set(product(*core)) if len(core) <= 3 else set()
    assert found == expected


def test_the_word_tokenizer_decides_about_word_characters() -> None:
    # U+1C89 is a letter since Unicode 16, which is newer than the tables of Python 3.13.
    tokenizer = Tokenizer("character", "line", Vocabulary(("<eos>", "<unk>", "a", " ", "\u1c89")))
    (phrase,) = Speller(tokenizer).phrases("a")
    may_follow = phrase.sets[-1]
    assert (4 in may_follow) == (not is_word_character("\u1c89"))


@pytest.mark.parametrize(
    ("length", "ids", "begun"),
    [(0, [], True), (1, [5, 1], True), (1, [2], False), (2, [1, 3], True), (2, [3, 1], False), (2, [2], False)],
)
def test_a_text_can_end_with_the_beginning_of_a_phrase(length: int, ids: list[int], begun: bool) -> None:
    assert Phrase((ONE, TWO)).has_begun(length, ids) is begun


@pytest.mark.parametrize(
    ("length", "ids", "begun"),
    [(2, [9, 1], True), (2, [5, 1], False), (2, [1], True), (3, [1, 2], True), (3, [5, 1, 2], False), (1, [], True)],
)
def test_the_beginning_of_a_text_can_open_a_phrase(length: int, ids: list[int], begun: bool) -> None:
    assert Phrase((BESIDE, ONE, TWO), opened=True).has_begun(length, ids) is begun


def test_ids_and_single_words_are_always_forbidden() -> None:
    forbidden = ForbiddenWords.of(WORDS, ["b", "nowhere"], ids=[1])
    assert forbidden.after([], is_last=False) == {1, 3}
    assert ForbiddenWords.of(WORDS, [], ids=[1]).after([2], is_last=True) == {1}


def test_the_last_token_of_a_phrase_is_forbidden_after_the_others() -> None:
    new, york = (RUNNING_TEXT.vocabulary.id_of(word) for word in ("New", "York"))
    forbidden = ForbiddenWords.of(RUNNING_TEXT, ["new york"])
    assert forbidden.after([new], is_last=False) == {york}
    assert forbidden.after([york], is_last=False) == set()
    assert forbidden.after([], is_last=False) == set()


def test_all_spellings_are_forbidden() -> None:
    forbidden = ForbiddenWords.of(RUNNING_TEXT, ["DON'T"])
    dont, don, mark, t = (RUNNING_TEXT.vocabulary.id_of(word) for word in ("don't", "don", "'", "t"))
    assert forbidden.after([don], is_last=False) == {dont}
    assert forbidden.after([don, mark], is_last=False) == {dont, t}


@given(st.lists(st.integers(2, 6), min_size=1, max_size=8), st.sampled_from(["ar", "a", "r a", "a r."]))
def test_a_text_without_forbidden_tokens_does_not_contain_the_word(ids: list[int], word: str) -> None:
    tokenizer = Tokenizer("character", "line", Vocabulary(("<eos>", "<unk>", "a", "r", "t", " ", ".")))
    forbidden = ForbiddenWords.of(tokenizer, [word])
    allowed = all(
        token_id not in forbidden.after(ids[:place], is_last=place == len(ids) - 1)
        for place, token_id in enumerate(ids)
    )
    text = f" {tokenizer.decode(ids)} "
    before, after = (" .", " .") if word[-1] != "." else (" .", " .art")
    assert allowed != any(f"{b}{word}{a}" in text for b in before for a in after)
