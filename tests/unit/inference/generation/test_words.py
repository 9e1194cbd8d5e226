from hypothesis import given
from hypothesis import strategies as st

from nextword.inference.generation.words import ForbiddenWords, RequiredWords
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary
from support.writers import CHARACTERS, RUNNING_TEXT, WORDS

NONE: frozenset[int] = frozenset()

A, R, T, Y, SPACE, DOT = 2, 3, 4, 5, 6, 7


def test_progress_is_counted_in_tokens() -> None:
    required = RequiredWords.of(RUNNING_TEXT, ["New York", "no"])
    new, york, no = (RUNNING_TEXT.vocabulary.id_of(word) for word in ("New", "York", "no"))
    assert required.num_tokens == 3
    assert required.progress(NONE, 0, [new]) == (NONE, 1)
    assert required.progress(NONE, 0, [new, york]) == (frozenset([0]), 2)
    assert required.progress(NONE, 0, [new, no]) == (frozenset([1]), 1)  # the incomplete phrase is lost
    assert required.progress(frozenset([1]), 0, [new]) == (frozenset([1]), 2)
    assert required.progress(frozenset([0]), 0, [no]) == (frozenset([0, 1]), 3)


def test_words_in_the_prompt_do_not_count() -> None:
    required = RequiredWords.of(RUNNING_TEXT, ["New York", "no"])
    new, york, no = (RUNNING_TEXT.vocabulary.id_of(word) for word in ("New", "York", "no"))
    assert required.progress(NONE, new, [york]) == (NONE, 0)
    assert required.progress(NONE, no, [new]) == (NONE, 1)


def test_a_word_does_not_begin_in_the_prompt() -> None:
    required = RequiredWords.of(CHARACTERS, ["at"])
    a, t, space = (CHARACTERS.vocabulary.id_of(character) for character in "at ")
    assert required.met_by(a, [t, space]) == NONE
    assert required.met_by(space, [a, t, space]) == {0}


def test_a_word_of_characters_must_be_a_whole_word() -> None:
    required = RequiredWords.of(CHARACTERS, ["at"])
    a, t, y, space = (CHARACTERS.vocabulary.id_of(character) for character in "aty ")
    assert required.num_tokens == 4
    assert required.progress(NONE, space, [a, t]) == (NONE, 3)
    assert required.progress(NONE, y, [a, t]) == (NONE, 0)
    assert required.progress(NONE, space, [a, t, space]) == (frozenset([0]), 4)
    assert required.progress(NONE, space, [a, t, y]) == (NONE, 0)


def test_the_end_of_a_text_ends_a_word() -> None:
    required = RequiredWords.of(CHARACTERS, ["at"])
    a, t, y, space = (CHARACTERS.vocabulary.id_of(character) for character in "aty ")
    assert required.met_by(space, [a, t]) == {0}
    assert required.met_by(y, [a, t]) == NONE
    assert required.met_by(y, [space, a, t, space, y]) == {0}
    assert required.met_by(space, [a, t, y]) == NONE
    assert required.met_by(space, [a]) == NONE


def test_the_next_or_the_first_token_makes_progress() -> None:
    required = RequiredWords.of(RUNNING_TEXT, ["New York", "no"])
    new, york, no = (RUNNING_TEXT.vocabulary.id_of(word) for word in ("New", "York", "no"))
    assert set(required.next_tokens(NONE, 0, [new])) == {frozenset([new]), frozenset([york]), frozenset([no])}
    assert set(required.next_tokens(frozenset([0]), 0, [york])) == {frozenset([no])}


def test_missing_words_are_named() -> None:
    required = RequiredWords.of(RUNNING_TEXT, ["New York", "no", "no"])
    assert required.missing(NONE) == ("New York", "no")
    assert required.missing(frozenset([0])) == ("no",)
    assert RequiredWords().missing(NONE) == ()
    assert RequiredWords().progress(NONE, 0, [1]) == (NONE, 0)


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
