"""Straight and curly quotes, and both kinds of dashes, are one for suggestions."""

import pytest

from nextword.suggestion.typed_marks import known_dashes, known_pieces
from nextword.suggestion.typed_text import TypedText
from nextword.text.options import TokenizerKind
from nextword.text.subwords import subword_vocabulary
from nextword.text.tokenizer import Tokenizer
from nextword.text.vocabulary import Vocabulary
from support.piece_counts import count_pieces

CURLY = (
    "\u201cI don\u2019t,\u201d she said. (\u201cNo\u2014\u2018yes\u2019\u2014\u201cno\u201d is right.\u201d) "
    "\u2018It is o\u2019clock\u2019"
)
STRAIGHT = "\"I don't,\" she said. (\"No--'yes'--\"no\" is right.\") 'It is o'clock'"


def tokenizer_of(text: str, kind: TokenizerKind) -> Tokenizer:
    counts = count_pieces([text], kind)
    if kind == "subword":
        return Tokenizer(kind, "line", subword_vocabulary([counts], minimum_count=1, maximum_size=None))
    return Tokenizer(kind, "line", Vocabulary(("<unk>", *counts)))


@pytest.mark.parametrize("kind", ["word", "subword", "character"])
@pytest.mark.parametrize(("book", "typed"), [(CURLY, STRAIGHT), (STRAIGHT, CURLY)])
def test_a_typed_text_is_read_in_the_form_of_the_vocabulary(kind: TokenizerKind, book: str, typed: str) -> None:
    tokenizer = tokenizer_of(book, kind)
    text = TypedText(tokenizer)
    for key in typed:
        text.insert(key)
    assert [piece.token_id for piece in text.prompt_pieces()] == tokenizer.encode_prompt(book)
    assert text.text == typed


def test_the_typed_form_is_read_if_the_vocabulary_has_it() -> None:
    tokenizer = tokenizer_of(f"{CURLY} {STRAIGHT}", "word")
    for text in (CURLY, STRAIGHT.replace("--", "\u2014")):
        assert known_pieces(tokenizer, text) == tokenizer.cut(text)


@pytest.mark.parametrize(("tokens", "typed"), [(("--", "so"), "so \u2014 so"), (("\u2014", "so"), "so -- so")])
def test_dashes_of_cut_text_are_tokens(tokens: tuple[str, ...], typed: str) -> None:
    tokenizer = Tokenizer("pretokenized", "line", Vocabulary(("<eos>", "<unk>", *tokens)))
    assert [piece for piece, _ in known_pieces(tokenizer, known_dashes(tokenizer, typed))] == ["so", tokens[0], "so"]


@pytest.mark.parametrize("text", ["so -- so", "so \u2014 so"])
def test_a_vocabulary_of_both_dashes_reads_both(text: str) -> None:
    tokenizer = Tokenizer("pretokenized", "line", Vocabulary(("<eos>", "<unk>", "\u2014", "--", "so")))
    assert known_dashes(tokenizer, text) == text


def test_what_no_form_makes_known_is_unknown() -> None:
    tokenizer = Tokenizer("word", "line", Vocabulary(("<eos>", "<unk>", "so")))
    assert known_pieces(tokenizer, "don't so\u2018so") == tokenizer.cut("don't so\u2018so")
