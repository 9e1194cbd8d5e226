from hypothesis import given
from hypothesis import strategies as st

from nextword.generation.ending import EndRule, held_back, stop_place, until_stop
from nextword.text.tokenizer import Tokenizer

texts = st.text("ab", max_size=20)
stops = st.lists(st.text("ab", min_size=1, max_size=4), max_size=3)


def test_without_a_rule_of_its_own_length_alone_ends_a_text() -> None:
    rule = EndRule(3)
    assert [rule.ending(count, 0, "") for count in (1, 2, 3)] == [None, None, "length"]


def test_the_end_token_ends_where_it_is_to() -> None:
    assert EndRule(3, end_id=0).ending(1, 0, "") == "end"
    assert EndRule(3, end_id=0).ending(3, 0, "") == "end"
    assert EndRule(3, end_id=0).ending(1, 1, "") is None


def test_a_stop_string_is_seen_across_tokens(characters: Tokenizer) -> None:
    rule = EndRule(9, stops=("art", "yy"), tokenizer=characters)
    tail, before, endings = "", None, []
    for token_id in (3, 2, 2, 3, 4):  # r a a r t
        tail = rule.tail_with(tail, before, token_id)
        endings.append(rule.ending(1, token_id, tail))
        before = token_id
    assert endings == [None, None, None, None, "stop"]
    assert tail == "art"  # no longer than it must be


def test_a_stop_string_of_one_character_needs_no_tail(characters: Tokenizer) -> None:
    rule = EndRule(9, stops=("t",), tokenizer=characters)
    assert rule.tail_with("aaa", 2, 4) == "t"


def test_spaces_between_words_are_part_of_it(running_text: Tokenizer) -> None:
    rule = EndRule(9, stops=("e s",), tokenizer=running_text)
    tail = rule.tail_with("", None, 2)
    assert rule.ending(2, 3, rule.tail_with(tail, 2, 3)) == "stop"


def test_what_is_shown_stands_whole_before_the_stop_string(running_text: Tokenizer) -> None:
    rule = EndRule(9, stops=("aid",), tokenizer=running_text)
    assert rule.num_shown(None, [2, 3, 4]) == 1  # "He", and half of "said" is not whole
    assert rule.num_shown(None, [2, 4]) == 2
    assert EndRule(9).num_shown(None, [2, 3]) == 2


@st.composite
def cut_texts(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A text, and pieces that it is cut into, empty ones too."""
    text = draw(texts)
    places = sorted(draw(st.lists(st.integers(0, len(text)), max_size=6)))
    return text, [text[start:end] for start, end in zip([0, *places], [*places, len(text)], strict=True)]


@given(cut_texts(), stops)
def test_the_pieces_are_the_text_cut_at_its_stop_string_wherever_they_end(
    cut: tuple[str, list[str]], stops: list[str]
) -> None:
    text, pieces = cut
    assert "".join(until_stop(pieces, stops)) == text[: stop_place(text, stops)]


@given(texts, texts, stops)
def test_what_is_shown_stays_right_however_the_text_goes_on(text: str, more: str, stops: list[str]) -> None:
    if stop_place(text, stops) is None:
        shown = text[: len(text) - held_back(text, stops)]
        assert (text + more)[: stop_place(text + more, stops)].startswith(shown)


@given(texts, stops)
def test_no_more_is_held_back_than_must_be(text: str, stops: list[str]) -> None:
    held = held_back(text, stops)
    if held:
        assert any(stop.startswith(text[-held:]) and len(stop) > held for stop in stops)


@given(texts, stops)
def test_the_cut_text_holds_no_stop_string(text: str, stops: list[str]) -> None:
    shown = text[: stop_place(text, stops)]
    assert not any(stop in shown for stop in stops)


def test_the_first_to_be_complete_stops_and_of_two_the_longer() -> None:
    assert stop_place("abcd", ["abcd", "bc"]) == 1
    assert stop_place("abcd", ["cd", "abcd", "d"]) == 0
    assert stop_place("abcd", ["x"]) is None


def test_no_more_is_asked_for_than_is_needed() -> None:
    pieces = iter(["one ", "tw", "o three", "four"])
    shown = until_stop(pieces, ["two"])
    assert next(shown) == "one "
    assert next(pieces) == "tw"  # what may begin the stop string was not asked for yet
    assert list(until_stop(iter(["one t", "wo", "more"]), ["two"])) == ["one "]
    rest = iter(["two", "more"])
    assert list(until_stop(rest, ["two"])) == []
    assert list(rest) == ["more"]


def test_what_was_held_back_comes_at_the_end() -> None:
    assert list(until_stop(["a t", "w"], ["two"])) == ["a ", "tw"]
