import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nextword.inference.generation.generated_text import (
    EndRule,
    after_prompt,
    characters_of,
    may_join,
    partial_stop_length,
    stop_position,
    text_pieces,
    until_stop,
    whole_characters,
)
from nextword.text.options import LineEnds, TokenizerKind
from nextword.text.tokens.pre_tokens import normalize
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary
from support.small_tokenizers import WAYS, tokenizer_of_text
from support.writers import CHARACTERS

texts = st.text("ab", max_size=20)
stops = st.lists(st.text("ab", min_size=1, max_size=4), max_size=3)


def test_the_end_token_ends_a_text_if_requested() -> None:
    assert EndRule(3, end_id=0).ending(1, 0, "") == "end"
    assert EndRule(3, end_id=0).ending(3, 0, "") == "end"
    assert EndRule(3, end_id=0).ending(1, 1, "") is None


def test_a_stop_string_is_found_across_tokens() -> None:
    rule = EndRule(9, stops=("art", "yy"), tokenizer=CHARACTERS)
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


TEXT = st.text("ab'\u2019\",.-( \n", max_size=30) | st.sampled_from(
    ['He said, "No." (It was\n\nso.) ', "My lord,\nmadam; well-being.\n", "I don't -- well -- know. \n\n'Tis"]
)
ENDINGS = st.sampled_from(["", "", " ", "\n", "\n\n", "  "])


def continued(tokenizer: Tokenizer, prompt: str, ids: list[int]) -> str:
    """Return the text of tokens after a prompt."""
    return "".join(after_prompt(tokenizer, prompt, text_pieces(tokenizer, tokenizer.encode_prompt(prompt), ids)))


def tokens(tokenizer: Tokenizer, ids: list[int]) -> list[str]:
    """Return tokens, the last of running text without the space after it, which comes with the next token."""
    *others, last = ["", *map(tokenizer.vocabulary.token_of, ids)]
    shown = last if tokenizer.kind == "character" else last.rstrip(" ")
    return [*others, shown] if shown else others


def fits(tokenizer: Tokenizer, prompt: str, ids: list[int]) -> bool:
    """Return whether a space at the end of a prompt, which is there already, fits the first token after it."""
    prompt_ids = tokenizer.encode_prompt(prompt)
    first = "".join(text_pieces(tokenizer, prompt_ids, ids[:1]))
    is_in_line = bool(prompt_ids) and prompt_ids[-1] != tokenizer.vocabulary.end_id
    has_space = tokenizer.kind != "character" and is_in_line and prompt[-1].isspace()
    return not has_space or first[:1] in ("", " ", "\n")


def is_known_at_the_end(tokenizer: Tokenizer, token_id: int) -> bool:
    """Return whether a token without the space after it is a token too: `( ` alone is written `(`."""
    token = tokenizer.vocabulary.token_of(token_id)
    return tokenizer.kind == "character" or not token.rstrip(" ") or token.rstrip(" ") in tokenizer.vocabulary


@pytest.mark.parametrize(("kind", "line_ends"), WAYS)
@settings(deadline=None)
@given(text=TEXT, data=st.data(), ending=ENDINGS)
def test_prompt_and_text_are_read_as_the_tokens_that_were_read_and_produced(
    kind: TokenizerKind, line_ends: LineEnds, text: str, data: st.DataObject, ending: str
) -> None:
    """For tokens as the tokenizer cuts a text: all are in the vocabulary, and none is spelled in another way."""
    tokenizer = tokenizer_of_text(text, kind, line_ends)
    ids = tokenizer.encode(text)
    end = data.draw(st.integers(0, len(ids)))
    start = data.draw(st.integers(0, end))
    prompt = tokenizer.decode(ids[:start]) + ending
    assume(tokenizer.encode_prompt(prompt) == ids[:start] and fits(tokenizer, prompt, ids[start:end]))
    assume(end == 0 or is_known_at_the_end(tokenizer, ids[end - 1]))
    whole = prompt + continued(tokenizer, prompt, ids[start:end])
    assert tokens(tokenizer, tokenizer.encode_prompt(whole)) == tokens(tokenizer, ids[:end])


@pytest.mark.parametrize(("kind", "line_ends"), WAYS)
@settings(deadline=None)
@given(text=TEXT, data=st.data(), ending=ENDINGS)
def test_any_tokens_continue_a_prompt_as_their_text_continues_it(
    kind: TokenizerKind, line_ends: LineEnds, text: str, data: st.DataObject, ending: str
) -> None:
    """Even tokens that no text has in this order, such as two marks with a space between them that is in both."""
    tokenizer = tokenizer_of_text(text, kind, line_ends)
    prompt = text[: data.draw(st.integers(0, len(text)))] + ending
    prompt_ids = tokenizer.encode_prompt(prompt)
    known = [token_id for token_id in range(tokenizer.vocabulary_size) if token_id != tokenizer.vocabulary.unknown_id]
    ids = data.draw(st.lists(st.sampled_from(known), max_size=6))
    assume(tokenizer.vocabulary.unknown_id not in prompt_ids and fits(tokenizer, prompt, ids))
    found = continued(tokenizer, prompt, ids)
    whole = tokenizer.decode([*prompt_ids, *ids])
    assert normalize(prompt + found, kind, line_ends) == normalize(whole, kind, line_ends)
    if kind != "character":
        assert not found.endswith(" ")
        assert "  " not in prompt[-1:] + found
        assert " \n" not in found


def word_tokenizer(*tokens: str) -> Tokenizer:
    return Tokenizer("word", "paragraph", Vocabulary(("<eos>", "<unk>", *tokens)))


@pytest.mark.parametrize(
    ("prompt", "answer", "text"),
    [
        ("It was a fine day.", ("Catherine", ", "), "It was a fine day. Catherine,"),
        ("It was a fine day. ", ("Catherine", ". "), "It was a fine day. Catherine."),
        ("It was a fine day.\n", ("Catherine",), "It was a fine day.\nCatherine"),
        ("It was a fine day.\n\n", ("Catherine",), "It was a fine day.\n\nCatherine"),
        ("It was", ("fine", ". ", "<eos>", "It"), "It was fine.\n\nIt"),
        ("It was", (", ", "fine"), "It was, fine"),
        ('He said, "', ("It", "was"), 'He said, "It was'),
        ('"', ("It", "was"), '"It was'),
        ('"It was fine."', ("Catherine",), '"It was fine." Catherine'),
        ("It was (", ("fine",), "It was (fine"),
        ("", ("It", "was"), "It was"),
    ],
)
def test_a_prompt_is_continued_as_a_person_would_write(prompt: str, answer: tuple[str, ...], text: str) -> None:
    marks = (", ", ",", ". ", ".", '" ', ' "', '"', " (", "( ", "(")
    tokenizer = word_tokenizer(*marks, "It", "was", "a", "fine", "day", "Catherine", "He", "said")
    assert prompt + continued(tokenizer, prompt, list(tokenizer.vocabulary.ids_of(answer))) == text
