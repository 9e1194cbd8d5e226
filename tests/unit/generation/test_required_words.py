import pytest

from nextword.errors import SettingError
from nextword.generation.required_words import RequiredWords
from nextword.text.tokenizer import Tokenizer

NONE: frozenset[int] = frozenset()


def progress(required: RequiredWords, met: frozenset[int], before: int, ids: list[int]) -> tuple[frozenset[int], int]:
    found = required.progress(met, before, ids)
    return found.met, found.num_tokens


def test_progress_is_counted_in_tokens(running_text: Tokenizer) -> None:
    required = RequiredWords.of(running_text, ["New York", "no"])
    new, york, no = (running_text.vocabulary.id_of(word) for word in ("New", "York", "no"))
    assert required.num_tokens == 3
    assert progress(required, NONE, 0, [new]) == (NONE, 1)
    assert progress(required, NONE, 0, [new, york]) == (frozenset([0]), 2)
    assert progress(required, NONE, 0, [new, no]) == (frozenset([1]), 1)  # what was begun is lost
    assert progress(required, frozenset([1]), 0, [new]) == (frozenset([1]), 2)
    assert progress(required, frozenset([0]), 0, [no]) == (frozenset([0, 1]), 3)


def test_the_prompt_holds_none_of_it(running_text: Tokenizer) -> None:
    required = RequiredWords.of(running_text, ["New York", "no"])
    new, york, no = (running_text.vocabulary.id_of(word) for word in ("New", "York", "no"))
    assert progress(required, NONE, new, [york]) == (NONE, 0)
    assert progress(required, NONE, no, [new]) == (NONE, 1)


def test_a_word_of_characters_stands_alone(characters: Tokenizer) -> None:
    required = RequiredWords.of(characters, ["at"])
    a, t, y, space = (characters.vocabulary.id_of(character) for character in "aty ")
    assert required.num_tokens == 4
    assert progress(required, NONE, space, [a, t]) == (NONE, 3)
    assert progress(required, NONE, y, [a, t]) == (NONE, 0)
    assert progress(required, NONE, space, [a, t, space]) == (frozenset([0]), 4)
    assert progress(required, NONE, space, [a, t, y]) == (NONE, 0)


def test_the_end_of_a_text_closes_a_word(characters: Tokenizer) -> None:
    required = RequiredWords.of(characters, ["at"])
    a, t, y, space = (characters.vocabulary.id_of(character) for character in "aty ")
    assert required.held_by(space, [a, t]) == {0}
    assert required.held_by(y, [a, t]) == NONE
    assert required.held_by(y, [space, a, t, space, y]) == {0}
    assert required.held_by(space, [a, t, y]) == NONE
    assert required.held_by(space, [a]) == NONE


def test_what_makes_progress_is_the_next_token_or_the_first(running_text: Tokenizer) -> None:
    required = RequiredWords.of(running_text, ["New York", "no"])
    new, york, no = (running_text.vocabulary.id_of(word) for word in ("New", "York", "no"))
    assert set(required.next_tokens(NONE, 0, [new])) == {frozenset([new]), frozenset([york]), frozenset([no])}
    assert set(required.next_tokens(frozenset([0]), 0, [york])) == {frozenset([no])}


def test_what_is_missing_has_its_name(running_text: Tokenizer) -> None:
    required = RequiredWords.of(running_text, ["New York", "no", "no"])
    assert required.missing(NONE) == ("New York", "no")
    assert required.missing(frozenset([0])) == ("no",)
    assert RequiredWords().missing(NONE) == ()
    assert progress(RequiredWords(), NONE, 0, [1]) == (NONE, 0)


def test_what_cannot_be_spelled_is_refused(running_text: Tokenizer) -> None:
    with pytest.raises(SettingError, match="one that the vocabulary can spell, but 'boat' is not"):
        RequiredWords.of(running_text, ["no", "boat"])
