"""Figures by hand: the keys of `Ann, an ant`, typed with one, three and five suggestions."""

from typing import NamedTuple

import pytest

from nextword.inference.evaluation.keystroke_tally import KeystrokeTally, completion_rate


class Piece(NamedTuple):
    text: str
    is_word: bool = True
    is_end: bool = False
    space_before: bool = False
    space_after: bool = False
    follows_word: bool = False


class Ranks(NamedTuple):
    next_word: int = 0
    fits: bool = False
    completions: tuple[int, ...] = ()


ANN = (Piece("Ann"), Ranks(completions=(2, 1)))
COMMA = (Piece(",", is_word=False, space_after=True, follows_word=True), Ranks(1, fits=True))
AN = (Piece("an", space_before=True, space_after=True), Ranks(4, fits=True, completions=(3,)))
ANT = (Piece("ant", space_before=True), Ranks(1, fits=True, completions=(0, 5)))
END = (Piece("\n", is_word=False, is_end=True), Ranks())


def tally(*pieces: tuple[Piece, Ranks]) -> KeystrokeTally:
    counted = KeystrokeTally()
    for piece, ranks in pieces:
        counted.add(piece, ranks, is_known=piece.text != "ant")
    return counted


def test_every_figure_by_hand() -> None:
    found = tally(ANN, COMMA, AN, ANT, END).result()
    assert found.num_keys == len("Ann, an ant\n")
    one, three, five = found.slots
    # A, n, take `Ann `; take `, `; a, n, space; take `ant`; line end.
    assert one.num_keys == 2 + 1 + 1 + 3 + 1 + 1
    assert (one.num_saved_by_next_word, one.num_saved_by_completion) == (1 + 2, 0)
    # A, take `Ann `; take `, `; a, take `an `; take `ant`; line end.
    assert three.num_keys == 2 + 1 + 2 + 1 + 1
    assert (three.num_saved_by_next_word, three.num_saved_by_completion) == (1 + 2, 1 + 1)
    # A, take `Ann `; take `, `; take `an `; take `ant`; line end.
    assert five.num_keys == 2 + 1 + 1 + 1 + 1
    assert (five.num_saved_by_next_word, five.num_saved_by_completion) == (1 + 2 + 2, 1)
    assert [found.savings(number) for number in (1, 3, 5)] == pytest.approx([3 / 12, 5 / 12, 6 / 12])
    assert (found.num_words, found.num_out_of_vocabulary, found.num_keys_out_of_vocabulary) == (3, 1, 3)
    assert [found.next_word_hit_rate(number) for number in (1, 3)] == pytest.approx([1 / 3, 1 / 3])
    # `Ann` after A and An; `an` after a; `ant` never among three.
    assert found.completion_hit_rate == pytest.approx((1 + 1 + 0) / 3)


def test_a_mark_is_suggested_only_if_the_word_before_it_was_taken() -> None:
    typed = (Piece("Ann"), Ranks(completions=(0, 0)))
    for slots in tally(typed, COMMA, END).result().slots:
        assert slots.num_keys == len("Ann,\n")
        assert slots.num_saved_by_next_word == 0


def test_a_suggestion_that_would_bring_a_wrong_space_is_a_hit_but_is_not_taken() -> None:
    found = tally((Piece("known"), Ranks(1, fits=False, completions=(0, 0, 0, 2)))).result()
    assert found.next_word_hit_rate(1) == 1
    assert [slots.num_keys for slots in found.slots] == [5, 5, 5]
    assert [slots.num_saved for slots in found.slots] == [0, 0, 0]


def test_the_space_of_a_suggestion_is_replaced_by_a_mark_and_a_line_end() -> None:
    mark = (Piece(",", is_word=False, follows_word=True), Ranks())
    taken = (Piece("Ann"), Ranks(1, fits=True, completions=(0, 0)))
    assert [slots.num_keys for slots in tally(taken, mark, END).result().slots] == [3, 3, 3]
    assert [slots.num_keys for slots in tally(taken, END).result().slots] == [2, 2, 2]


def test_longer_prefixes_count_more() -> None:
    assert completion_rate([1]) == 1
    assert completion_rate([3, 0, 0]) == pytest.approx(1 / 6)
    assert completion_rate([0, 4, 3]) == pytest.approx(3 / 6)
