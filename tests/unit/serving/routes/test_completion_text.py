"""Prompts and completions as texts: their pieces are the text, and no part of a stop string is shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.errors import TextError
from nextword.inference.generation.generated_text import after_prompt, may_join, text_pieces, until_stop
from nextword.serving.queue.batcher import TokenScore
from nextword.serving.routes.completion_text import CompletionText, Prompt, ShownText, shown_prompt
from nextword.text.options import LineEnds, TokenizerKind
from nextword.text.tokens.subwords import subword_vocabulary
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary
from support.small_tokenizers import count_pieces

WORDS = ("<eos>", "<unk>", "He", "said", ", ", ",", ' "', '"', "no", ".", ". ", "don't", "a\xa0b")
LETTERS = ("<eos>", "<unk>", "H", "e", " ", ".", "\t")
CUTS: list[tuple[TokenizerKind, LineEnds]] = [
    ("pretokenized", "line"),
    ("word", "line"),
    ("word", "paragraph"),
    ("subword", "line"),
    ("subword", "paragraph"),
    ("character", "line"),
]


def tokenizer_of(kind: TokenizerKind, line_ends: LineEnds = "line") -> Tokenizer:
    if kind == "subword":
        counts = count_pieces(["He said, no. He said no.", 'don\'t, "He said"'], "subword")
        return Tokenizer(kind, line_ends, subword_vocabulary([counts], minimum_count=1, maximum_size=40))
    return Tokenizer(kind, line_ends, Vocabulary(LETTERS if kind == "character" else WORDS))


PARTS = st.sampled_from([*"He said, no.\n\r\n\n \t", "\xa0", "xyz", "don't", '"', "\u3000", "\x1c", "said"])
TEXTS = st.lists(PARTS, max_size=30).map("".join)


@pytest.mark.parametrize(("kind", "line_ends"), CUTS)
@given(text=TEXTS)
def test_the_pieces_are_the_text(kind: TokenizerKind, line_ends: LineEnds, text: str) -> None:
    tokenizer = tokenizer_of(kind, line_ends)
    for is_complete in (False, True):
        prompt = Prompt.of_text(tokenizer, text, is_complete=is_complete)
        pieces = prompt.pieces(tokenizer)
        assert len(pieces) == len(prompt.ids)
        if prompt.ids:
            assert "".join(pieces) == text
        for piece, token_id in zip(pieces, prompt.ids, strict=True):
            token = tokenizer.vocabulary.token_of(token_id)
            if token not in ("<unk>", "<eos>"):
                assert piece.split() == token.split()


def test_unknown_words_and_spaces_stay_as_they_are_written() -> None:
    tokenizer = tokenizer_of("word")
    prompt = Prompt.of_text(tokenizer, " He  said,\tPish!\r\nNo. ")
    assert prompt.pieces(tokenizer) == [" He", "  said", ",", "\tPish", "!", "\r\n", "No", ". "]
    assert [tokenizer.vocabulary.token_of(token_id) for token_id in prompt.ids][3:] == [
        "<unk>",
        "<unk>",
        "<eos>",
        "<unk>",
        ". ",
    ]


def test_a_complete_text_ends_with_another_mark() -> None:
    tokenizer = tokenizer_of("word")
    assert Prompt.of_text(tokenizer, "no,").ids == (8, 4)
    assert Prompt.of_text(tokenizer, "no,", is_complete=True).ids == (8, 5)


def test_token_lists_are_read_as_they_are() -> None:
    tokenizer = tokenizer_of("word")
    prompt = Prompt.of_ids(tokenizer, [2, 3, 1, 10, 2])
    assert (prompt.read, prompt.text) == ((0, 2, 3, 1, 10, 2), "He said <unk>. He")
    assert prompt.pieces(tokenizer) == ["He", " said", " <unk>", ".", " He"]


def test_a_token_list_may_begin_with_the_token_before_every_text() -> None:
    prompt = Prompt.of_ids(tokenizer_of("word"), [0, 2])
    assert (prompt.ids, prompt.read, prompt.text) == ((0, 2), (0, 2), "\nHe")
    assert Prompt.of_ids(tokenizer_of("word"), []).read == (0,)


@pytest.mark.parametrize("token_id", [-1, 13])
def test_unknown_ids_are_refused(token_id: int) -> None:
    with pytest.raises(TextError):
        Prompt.of_ids(tokenizer_of("word"), [2, token_id])


TOKENS = ("<eos>", "<unk>", "a", "b", " ", "\u0301", "\U0001f1e9", "\U0001f1ea", ".")
CHARACTERS = Tokenizer("character", "line", Vocabulary(TOKENS))
SOME_WORDS = Tokenizer("word", "line", Vocabulary(("<eos>", "<unk>", "He", "said", ", ", ",", " - ", "no")))


def shown(
    tokenizer: Tokenizer, prompt: str, ids: list[int], sizes: list[int], stops: tuple[str, ...] = ()
) -> list[ShownText]:
    """Return the segments of a text whose tokens arrive in groups of these sizes, up to the first stop string."""
    prompt_of = Prompt.of_text(tokenizer, prompt)
    text = CompletionText(tokenizer, prompt_of, stops, may_join=may_join(tokenizer.vocabulary))
    pieces = list(text_pieces(tokenizer, prompt_of.ids, ids))
    count = next((n for n in range(1, len(ids) + 1) if any(stop in "".join(pieces[:n]) for stop in stops)), len(ids))
    ending = "stop" if any(stop in "".join(pieces) for stop in stops) else "length"
    tokens = [TokenScore(token_id, -1.0, ((token_id, -1.0),)) for token_id in ids[:count]]
    found = []
    for size in sizes:
        if len(tokens) > size:
            found.append(text.add(tokens[:size]))
            tokens = tokens[size:]
    return [*found, text.add(tokens, ending)]  # type: ignore[arg-type]


@given(
    ids=st.lists(st.integers(0, len(TOKENS) - 1), min_size=1, max_size=25),
    sizes=st.lists(st.integers(1, 4), max_size=20),
    stops=st.sampled_from([(), ("ab",), ("b a", "aa"), ("\u0301",), (" ", "\n"), ("a\u0301b",)]),
    prompt=st.sampled_from(["", "a", "b ", "a\u0301"]),
)
def test_it_is_the_text_of_the_generator(ids: list[int], sizes: list[int], stops: tuple[str, ...], prompt: str) -> None:
    segments = shown(CHARACTERS, prompt, ids, sizes, stops)
    prompt_ids = CHARACTERS.encode_prompt(prompt)
    pieces = until_stop(text_pieces(CHARACTERS, prompt_ids, ids), stops)
    expected = "".join(after_prompt(CHARACTERS, prompt, pieces))
    assert "".join(segment.text for segment in segments) == expected
    for segment in segments:
        assert "".join(token.text for token in segment.tokens) == segment.text


@given(ids=st.lists(st.integers(0, 7), min_size=1, max_size=12), sizes=st.lists(st.integers(1, 3), max_size=8))
@pytest.mark.parametrize("prompt", ["", "He", "He ", "said, "])
def test_the_space_after_a_prompt_is_not_doubled(prompt: str, ids: list[int], sizes: list[int]) -> None:
    segments = shown(SOME_WORDS, prompt, ids, sizes)
    pieces = text_pieces(SOME_WORDS, SOME_WORDS.encode_prompt(prompt), ids)
    assert "".join(segment.text for segment in segments) == "".join(after_prompt(SOME_WORDS, prompt, pieces))


def test_a_part_never_ends_within_a_character() -> None:
    segments = shown(CHARACTERS, "", [2, 5, 5, 3, 6, 7, 8], [1] * 7)
    assert [segment.text for segment in segments if segment.text] == ["a\u0301\u0301", "b", "\U0001f1e9\U0001f1ea."]


def test_what_may_be_a_stop_string_is_held_back() -> None:
    segments = shown(SOME_WORDS, "", [2, 3, 4, 2, 7], [1] * 5, (" said, no",))
    assert [segment.text for segment in segments] == ["He", "", "", " said, He", " no"]


def test_a_token_is_cut_at_the_stop_string_and_the_others_dropped() -> None:
    (*_, last) = shown(SOME_WORDS, "", [2, 6, 3], [], (" said",))
    assert (last.text, [token.text for token in last.tokens]) == ("He -", ["He", " -"])


def test_the_end_is_not_shown() -> None:
    text = CompletionText(SOME_WORDS, Prompt.of_text(SOME_WORDS, "He"), (), may_join=False)
    assert text.add([TokenScore(3, -1.0), TokenScore(0, -2.0)], "end").text == " said"


def test_alternatives_are_named_by_their_text_and_include_the_token() -> None:
    text = CompletionText(SOME_WORDS, Prompt.of_text(SOME_WORDS, "He"), (), may_join=False)
    (token,) = text.add([TokenScore(3, -2.0, ((7, -0.5), (4, -1.0)))], "length").tokens
    assert token.top == {" no": -0.5, ",": -1.0, " said": -2.0}
    (token,) = text.add([TokenScore(5, -2.0, ((4, -1.0), (5, -2.0)))], "length").tokens
    assert token.top == {",": -2.0}


def test_the_first_token_of_a_prompt_has_no_log_probability() -> None:
    for prompt in (Prompt.of_text(SOME_WORDS, "He  said"), Prompt.of_ids(SOME_WORDS, [0, 2, 3])):
        scored = [TokenScore(token_id, -float(token_id), ((2, -1.0),)) for token_id in prompt.read[1:]]
        segment = shown_prompt(SOME_WORDS, prompt, scored)
        assert segment.text == prompt.text
        first, *others = segment.tokens
        assert (first.log_prob, first.top) == (None, None)
        assert [token.log_prob for token in others] == [-float(token_id) for token_id in prompt.ids[1:]]
    assert shown_prompt(SOME_WORDS, Prompt.of_text(SOME_WORDS, ""), []) == ShownText()
    assert shown_prompt(SOME_WORDS, Prompt.of_text(SOME_WORDS, "He"), None) == ShownText("He")
