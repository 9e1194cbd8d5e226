"""The parts of a prompt that its tokens have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.errors import TextError
from nextword.serving.routes.completions.text import Prompt
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
