from hypothesis import given
from hypothesis import strategies as st

from nextword.generation.forbidden_words import ForbiddenWords
from nextword.text.tokenizer import Tokenizer
from nextword.text.vocabulary import Vocabulary

A, R, T, Y, SPACE, DOT = 2, 3, 4, 5, 6, 7
WORD_CHARACTERS = {A, R, T, Y, 8}


def test_ids_and_single_words_are_always_forbidden(words: Tokenizer) -> None:
    forbidden = ForbiddenWords.of(words, ["b", "nowhere"], ids=[1])
    assert forbidden.after([], is_last=False) == {1, 3}
    assert ForbiddenWords.of(words, [], ids=[1]).after([2], is_last=True) == {1}


def test_the_last_token_of_a_phrase_is_forbidden_after_the_others(running_text: Tokenizer) -> None:
    new, york = (running_text.vocabulary.id_of(word) for word in ("New", "York"))
    forbidden = ForbiddenWords.of(running_text, ["new york"])
    assert forbidden.after([new], is_last=False) == {york}
    assert forbidden.after([york], is_last=False) == set()
    assert forbidden.after([], is_last=False) == set()


def test_no_spelling_gets_through(running_text: Tokenizer) -> None:
    forbidden = ForbiddenWords.of(running_text, ["DON'T"])
    dont, don, mark, t = (running_text.vocabulary.id_of(word) for word in ("don't", "don", "'", "t"))
    assert forbidden.after([don], is_last=False) == {dont}
    assert forbidden.after([don, mark], is_last=False) == {dont, t}


def test_a_word_of_characters_may_become_another_word(characters: Tokenizer) -> None:
    forbidden = ForbiddenWords.of(characters, ["art"])
    assert forbidden.after([SPACE, A, R], is_last=False) == set()
    assert forbidden.after([SPACE, A, R, T], is_last=False) == set(range(9)) - WORD_CHARACTERS  # "arty" may come
    assert forbidden.after([Y, A, R, T], is_last=False) == set()  # it is a part of another already
    assert forbidden.after([A, R, T], is_last=False) == set(range(9)) - WORD_CHARACTERS  # a text begins with it


def test_a_word_of_characters_may_not_end_the_text(characters: Tokenizer) -> None:
    forbidden = ForbiddenWords.of(characters, ["art"])
    assert forbidden.after([SPACE, A, R], is_last=True) == {T}
    assert forbidden.after([A, R], is_last=True) == {T}
    assert forbidden.after([T, A, R], is_last=True) == set()


@given(st.lists(st.integers(2, 6), min_size=1, max_size=8), st.sampled_from(["ar", "a", "r a", "a r."]))
def test_a_text_that_is_never_forbidden_does_not_hold_the_word(ids: list[int], word: str) -> None:
    tokenizer = Tokenizer("character", "line", Vocabulary(("<eos>", "<unk>", "a", "r", "t", " ", ".")))
    forbidden = ForbiddenWords.of(tokenizer, [word])
    allowed = all(
        token_id not in forbidden.after(ids[:place], is_last=place == len(ids) - 1)
        for place, token_id in enumerate(ids)
    )
    text = f" {tokenizer.decode(ids)} "
    before, after = (" .", " .") if word[-1] != "." else (" .", " .art")
    assert allowed != any(f"{b}{word}{a}" in text for b in before for a in after)
