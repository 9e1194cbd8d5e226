"""A text as someone types it: words and marks one after another, with the keys between them."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from nextword.text.tokens.line_ends import MARKS, segments
from nextword.text.tokens.pieces import is_mark, is_word_character, slices, tidy
from nextword.text.tokens.tokenizer import Tokenizer


class TypedPiece(NamedTuple):
    """A word, a mark or a line end.

    Attributes:
        text: The word or mark without spaces; the line breaks of a line end.
        is_word: Whether it has a letter or digit.
        is_end: Whether it is a line end.
        can_be_begun: Whether its first letters are completed; a mark of running text is a single key.
        spaced: The piece with the spaces that belong to its token.
        space_before: Whether a space is between it and the piece before.
        space_after: Whether a space is between it and the piece after.
        follows_word: Whether a word is directly before it, without a space.
    """

    text: str
    is_word: bool
    is_end: bool
    can_be_begun: bool
    spaced: str
    space_before: bool
    space_after: bool
    follows_word: bool


def typed_pieces(tokenizer: Tokenizer, lines: Iterable[str]) -> Iterator[TypedPiece]:
    """Yield the pieces of lines, with a line end after each line or paragraph.

    Args:
        tokenizer: A tokenizer whose tokens are words.
        lines: The lines of a text.

    Example:
        >>> from nextword.text.tokens.vocabulary import Vocabulary
        >>> tokenizer = Tokenizer("word", "line", Vocabulary(("<eos>", "<unk>", "no")))
        >>> [(piece.text, piece.space_after) for piece in typed_pieces(tokenizer, ["No,  no."])]
        [('No', False), (',', True), ('no', False), ('.', False), ('\\n', False)]
    """
    end = TypedPiece(MARKS[tokenizer.line_ends], False, True, False, "", False, False, False)
    for segment in segments(lines, tokenizer.line_ends):
        yield from _pieces_of(tokenizer, tidy(segment, tokenizer.kind))
        yield end


def _pieces_of(tokenizer: Tokenizer, tidied: str) -> Iterator[TypedPiece]:
    place, after_word, space_before = 0, False, False
    for part in slices(tidied, tokenizer.kind):
        for spaced, _ in tokenizer.cut(part):
            text = spaced.strip(" ")
            start = tidied.index(text, place)
            space_before = start > place
            place = start + len(text)
            mark = tokenizer.kind == "word" and is_mark(text)
            yield TypedPiece(
                text=text,
                is_word=any(map(is_word_character, text)),
                is_end=False,
                can_be_begun=not mark,
                spaced=spaced,
                space_before=space_before,
                space_after=tidied[place : place + 1] == " ",
                follows_word=after_word and not space_before,
            )
            after_word = not mark
