from hypothesis import given
from hypothesis import strategies as st

from nextword.inference.generation.generated_text import EndRule, partial_stop_length, stop_position, until_stop
from nextword.text.tokens.tokenizer import Tokenizer

texts = st.text("ab", max_size=20)
stops = st.lists(st.text("ab", min_size=1, max_size=4), max_size=3)


def test_the_end_token_ends_a_text_if_requested() -> None:
    assert EndRule(3, end_id=0).ending(1, 0, "") == "end"
    assert EndRule(3, end_id=0).ending(3, 0, "") == "end"
    assert EndRule(3, end_id=0).ending(1, 1, "") is None


def test_a_stop_string_is_found_across_tokens(characters: Tokenizer) -> None:
    rule = EndRule(9, stops=("art", "yy"), tokenizer=characters)
    tail, before, endings = "", None, []
    for token_id in (3, 2, 2, 3, 4):  # r a a r t
        tail = rule.next_tail(tail, before, token_id)
        endings.append(rule.ending(1, token_id, tail))
        before = token_id
    assert endings == [None, None, None, None, "stop"]
    assert tail == "art"  # no longer than necessary


@st.composite
def cut_texts(draw: st.DrawFn) -> tuple[str, list[str]]:
    """Return a text and its pieces, which may be empty."""
    text = draw(texts)
    places = sorted(draw(st.lists(st.integers(0, len(text)), max_size=6)))
    return text, [text[start:end] for start, end in zip([0, *places], [*places, len(text)], strict=True)]


@given(cut_texts(), stops)
def test_the_pieces_are_the_text_up_to_its_stop_string_for_all_boundaries(
    cut: tuple[str, list[str]], stops: list[str]
) -> None:
    text, pieces = cut
    assert "".join(until_stop(pieces, stops)) == text[: stop_position(text, stops)]


@given(texts, texts, stops)
def test_yielded_text_is_correct_for_all_continuations(text: str, more: str, stops: list[str]) -> None:
    if stop_position(text, stops) is None:
        shown = text[: len(text) - partial_stop_length(text, stops)]
        assert (text + more)[: stop_position(text + more, stops)].startswith(shown)


@given(texts, stops)
def test_only_a_possible_stop_string_is_held_back(text: str, stops: list[str]) -> None:
    held = partial_stop_length(text, stops)
    if held:
        assert any(stop.startswith(text[-held:]) and len(stop) > held for stop in stops)


@given(texts, stops)
def test_the_cut_text_does_not_contain_a_stop_string(text: str, stops: list[str]) -> None:
    shown = text[: stop_position(text, stops)]
    assert not any(stop in shown for stop in stops)


def test_the_first_complete_stop_string_counts_and_of_two_the_longer() -> None:
    assert stop_position("abcd", ["abcd", "bc"]) == 1
    assert stop_position("abcd", ["cd", "abcd", "d"]) == 0
    assert stop_position("abcd", ["x"]) is None


def test_no_unneeded_pieces_are_requested() -> None:
    pieces = iter(["one ", "tw", "o three", "four"])
    shown = until_stop(pieces, ["two"])
    assert next(shown) == "one "
    assert next(pieces) == "tw"  # the beginning of the stop string was not requested yet
    assert list(until_stop(iter(["one t", "wo", "more"]), ["two"])) == ["one "]
    rest = iter(["two", "more"])
    assert list(until_stop(rest, ["two"])) == []
    assert list(rest) == ["more"]
