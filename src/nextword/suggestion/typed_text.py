"""A text in the making, cut into tokens as it is typed."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from nextword.errors import SettingError, TextError
from nextword.text.line_ends import ends_open, segments
from nextword.text.lines import require_unicode, split_lines
from nextword.text.pieces import is_mark, is_word_character, slices, tidy, trailing_word
from nextword.text.tokenizer import Tokenizer
from nextword.text.vocabulary import END

_WORD_BEGINNINGS = re.compile(r"(\s+)\S")
_TOKEN_BEGINNINGS = re.compile(r"([\t\x0b\x0c \r\n]+)[^\t\x0b\x0c \r\n]")
_LAST_TOKEN = re.compile(r"[^\t\x0b\x0c \r\n]*\Z")


class Piece(NamedTuple):
    """What one token was made of.

    Attributes:
        text: The piece of text; `<eos>` for a line end.
        token_id: Its id.
    """

    text: str
    token_id: int


class _Anchor(NamedTuple):
    """A place before which nothing changes, whatever is typed after it.

    Attributes:
        position: Where in the text.
        num_pieces: How many pieces are before it.
        is_spaced: Whether white space within a line or paragraph is right before it.
    """

    position: int
    num_pieces: int
    is_spaced: bool = False


class TypedText:
    """A text that grows and shrinks at its end, and its tokens: those of the whole text, though only its end is cut.

    The word being typed, `prefix`, is not among the tokens, but for a model of characters, whose tokens they are. So
    with `prefix` taken away from the text, `pieces` are those of `Tokenizer.encode` for what is before a word, and
    where `prefix` is empty those of `Tokenizer.encode_prompt` for the whole.

    A place where a word begins after white space is an anchor: the pieces before it are settled, and a key costs no
    more than cutting the text after the last anchor, a word or so.

    To a tokenizer of subwords the space before a word is part of the word, and waits for it: `unread` has it.

    Args:
        tokenizer: How text is cut.
        lower_case: Whether a piece outside the vocabulary is read in lower case.
    """

    def __init__(self, tokenizer: Tokenizer, *, lower_case: bool = False) -> None:
        self._tokenizer = tokenizer
        self._lower_case = lower_case
        self._anchors = [_Anchor(0, 0)]
        self._settled: list[Piece] = []
        self._open: list[Piece] = []
        self.text = ""
        self.prefix = ""

    @property
    def unread(self) -> str:
        """What is typed of the next word and not among the pieces: `prefix`, for subwords with the space before it."""
        before = self._tail()[: len(self._tail()) - len(self.prefix)]
        is_spaced = self._is_spaced(before) if before else self._anchors[-1].is_spaced
        return f" {self.prefix}" if self._tokenizer.kind == "subword" and is_spaced else self.prefix

    @property
    def pieces(self) -> list[Piece]:
        """The tokens that were typed to their end."""
        return self._settled + self._open

    def pieces_from(self, first: int) -> list[Piece]:
        """Return the pieces without the first ones."""
        return self._settled[first:] + self._open[max(0, first - len(self._settled)) :]

    def backwards(self) -> Iterator[Piece]:
        """Yield the pieces, the last one first."""
        yield from reversed(self._open)
        yield from reversed(self._settled)

    def insert(self, typed: str) -> int:
        """Add to the end of the text.

        Returns:
            How many of the first pieces are certain to be what they were.

        Raises:
            TextError: What the text would become is refused by the tokenizer; it stays as it was.
        """
        require_unicode(typed)
        before, num_anchors, kept = self.text, len(self._anchors), len(self._settled)
        try:
            self.text += typed
            self._recut()
        except TextError:
            self.text = before
            del self._anchors[num_anchors:]
            self._recut()
            raise
        return kept

    def remove(self, num_characters: int) -> int:
        """Take characters from the end of the text.

        Returns:
            How many of the first pieces are certain to be what they were.

        Raises:
            SettingError: The text has fewer characters, or `num_characters` is negative.
        """
        if not 0 <= num_characters <= len(self.text):
            raise SettingError(
                f"`num_characters` must be between 0 and {len(self.text)}, the length of the text, "
                f"but is {num_characters}"
            )
        self.text = self.text[: len(self.text) - num_characters]
        while self._anchors[-1].position >= max(1, len(self.text)):
            self._anchors.pop()
        kept = self._anchors[-1].num_pieces
        self._recut()
        return kept

    def prompt_pieces(self) -> list[Piece]:
        """Return the pieces of the whole text, the word at its end taken for complete: those of `encode_prompt`."""
        return self._settled + self._prompt(self._tail())

    def _recut(self) -> None:
        """Cut what comes after the last anchor, and set anchors in it."""
        start = self._anchors[-1].position
        del self._settled[self._anchors[-1].num_pieces :]
        for end in [start + place for place in self._beginnings(self._tail())]:
            part = self.text[start:end]
            self._settled += self._cut(part, before_word=True)
            self._anchors.append(_Anchor(end, len(self._settled), self._is_spaced(part)))
            start = end
        tail = self._tail()
        self.prefix = self._last_word(tail)
        if self.prefix and self._tokenizer.kind != "character":
            self._open = self._cut(tail[: len(tail) - len(self.prefix)], before_word=True)
        else:
            self._open = self._prompt(tail)

    def _tail(self) -> str:
        return self.text[self._anchors[-1].position :]

    def _beginnings(self, tail: str) -> Iterator[int]:
        """Yield where words begin after white space."""
        pattern = _TOKEN_BEGINNINGS if self._tokenizer.kind == "pretokenized" else _WORD_BEGINNINGS
        for match in pattern.finditer(tail):
            place = match.end() - 1
            if self._tokenizer.kind != "word" or is_word_character(tail[place]) or self._parts_segments(match[1]):
                yield place

    def _is_spaced(self, part: str) -> bool:
        """Return whether a part of the text ends with white space that has something before it in its segment."""
        lines = split_lines(part)
        *_, last = ["", *segments(lines, self._tokenizer.line_ends)]
        return part[-1].isspace() and ends_open(lines, self._tokenizer.line_ends) and bool(last.strip())

    def _parts_segments(self, white: str) -> bool:
        return len(split_lines(white)) > (1 if self._tokenizer.line_ends == "line" else 2)

    def _last_word(self, tail: str) -> str:
        if self._tokenizer.kind != "pretokenized":
            return trailing_word(tail)
        match = _LAST_TOKEN.search(tail)
        return match[0] if match else ""

    def _cut(self, part: str, *, before_word: bool) -> list[Piece]:
        """Return the pieces of what comes after the last anchor; `before_word` says that a word follows it at once."""
        kind, line_ends = self._tokenizer.kind, self._tokenizer.line_ends
        lines = split_lines(part)
        whole = list(segments(lines, line_ends))
        is_open = ends_open(lines, line_ends)
        pieces: list[Piece] = []
        for place, segment in enumerate(whole, start=1):
            is_last = is_open and place == len(whole)
            tidied = tidy(segment, kind)
            if is_last and before_word and kind == "word" and tidied and part[-1].isspace() and is_mark(tidied[-1]):
                tidied += " "
            if kind == "subword" and place == 1 and tidied and self._anchors[-1].is_spaced:
                tidied = f" {tidied}"
            pieces += self._pieces_of(tidied)
            if not is_last:
                pieces.append(Piece(END, self._tokenizer.vocabulary.end_id))
        return pieces

    def _pieces_of(self, tidied: str) -> Iterator[Piece]:
        kind, vocabulary = self._tokenizer.kind, self._tokenizer.vocabulary
        if self._lower_case and kind == "subword":
            tidied = tidied.lower()
        for part in slices(tidied, kind):
            for text, token_id in self._tokenizer.cut(part):
                if kind == "pretokenized" and text == END:
                    raise TextError(f"`{END}` is reserved for line ends, but is in the text; write a line end instead")
                is_lowered = self._lower_case and token_id == vocabulary.unknown_id
                yield Piece(text, vocabulary.id_of(text.lower()) if is_lowered else token_id)

    def _prompt(self, tail: str) -> list[Piece]:
        """Return the pieces of the text's end; a mark that ends it has a space or not, as `encode_prompt` says."""
        pieces = self._cut(tail, before_word=False)
        if self._tokenizer.kind != "word" or not pieces:
            return pieces
        last, vocabulary = pieces[-1], self._tokenizer.vocabulary
        spaced = Piece(f"{last.text} ", vocabulary.id_of(f"{last.text} "))
        # Neither `<eos>` nor `<unk>` is followed by a space of its own.
        if last.token_id in (vocabulary.end_id, vocabulary.unknown_id) or not is_mark(last.text):
            return pieces
        if spaced.token_id != vocabulary.unknown_id and (tail[-1].isspace() or spaced.token_id < last.token_id):
            pieces[-1] = spaced
        return pieces
