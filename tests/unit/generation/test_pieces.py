import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.generation.pieces import characters_of, may_join, whole_characters
from nextword.text.vocabulary import Vocabulary

ACUTE, JOINER = "\N{COMBINING ACUTE ACCENT}", "\N{ZERO WIDTH JOINER}"
FLAG_A, FLAG_B = "\N{REGIONAL INDICATOR SYMBOL LETTER A}", "\N{REGIONAL INDICATOR SYMBOL LETTER B}"
JAMO = ("\N{HANGUL CHOSEONG KIYEOK}", "\N{HANGUL JUNGSEONG A}")
WOMAN = "\N{WOMAN}"

code_points = st.sampled_from(["a", " ", ACUTE, JOINER, FLAG_A, FLAG_B, *JAMO, WOMAN, "\n", "猫"])


@given(st.lists(st.lists(code_points, max_size=3).map("".join), max_size=12))
def test_pieces_are_whole_characters_and_nothing_is_lost(pieces: list[str]) -> None:
    text = "".join(pieces)
    shown = list(whole_characters(pieces))
    assert "".join(shown) == text
    assert [character for piece in shown for character in characters_of(piece)] == characters_of(text)


@pytest.mark.parametrize(
    "pieces", [("e", ACUTE), (FLAG_A, FLAG_B), JAMO, (WOMAN, JOINER, WOMAN), ("e", ACUTE, "\N{COMBINING DIAERESIS}")]
)
def test_a_character_is_yielded_whole(pieces: tuple[str, ...]) -> None:
    assert list(whole_characters([*pieces, "x", "y"])) == ["".join(pieces), "x", "y"]


def test_a_character_is_yielded_when_the_next_one_begins() -> None:
    pieces = iter(["ab", "c"])
    assert next(whole_characters(pieces)) == "a"
    assert next(pieces) == "c"


@pytest.mark.parametrize("token", [ACUTE, f"{ACUTE}x", JOINER, FLAG_B, JAMO[1], WOMAN])
def test_a_vocabulary_with_parts_of_characters_is_recognized(token: str) -> None:
    assert may_join(Vocabulary(("<eos>", "<unk>", "a", token)))


def test_words_do_not_join_the_character_before() -> None:
    assert not may_join(Vocabulary(("<eos>", "<unk>", "a", f"e{ACUTE}t{ACUTE}", "猫", " ,", "'s", "👍")[:-1]))
