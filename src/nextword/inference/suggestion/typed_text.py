"""Incremental tokenization of a text while it is typed."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from nextword.errors import SettingError, TextError
from nextword.inference.suggestion.lexicon import begins_sentence
from nextword.text.reading.lines import require_unicode, split_lines
from nextword.text.tokens.pre_tokens import ends_open, is_mark, is_word_character, segments, slices, tidy, trailing_word
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import END

# Each match begins where its run begins: to try every place of a long run would take the square of its length.
_WORD_STARTS = re.compile(r"(?<!\s)(\s++)\S")
_TOKEN_STARTS = re.compile(r"(?<![\t\x0b\x0c \r\n])([\t\x0b\x0c \r\n]++)[^\t\x0b\x0c \r\n]")
_LAST_TOKEN = re.compile(r"(?<![^\t\x0b\x0c \r\n])[^\t\x0b\x0c \r\n]*+\Z")

_OPENING = re.compile("(?<![^ (\\[{\u2014-])[\"']")
_OPENED = str.maketrans("\"'", "\u201c\u2018")
_CLOSED = str.maketrans("\"'", "\u201d\u2019")
_STRAIGHT = str.maketrans("\u201c\u201d\u2018\u2019", "\"\"''")


class Piece(NamedTuple):
    """A piece of text and its token."""

    text: str
    token_id: int


class _Anchor(NamedTuple):
    """A position in the text; later input does not change the pieces before it."""

    position: int  # number of characters before it
    num_pieces: int  # number of pieces before it
    is_spaced: bool = False  # whether white space within a line or paragraph is directly before it


class TypedText:
    """A text that is edited at its end, with the tokens of the whole text; an edit tokenizes only the end.

    `prefix` is the word being typed. It is not part of `pieces`, except for a character model. If `prefix` is not
    empty, `pieces` are those of `Tokenizer.encode` for the text before it. Otherwise they are those of
    `Tokenizer.encode_prompt` for the whole text. Quotes and dashes are read in the form that the vocabulary has.

    Each beginning of a word after white space is an anchor. The pieces before an anchor are final, so an edit tokenizes
    only the text after the last anchor, about one word.

    For a subword tokenizer, the space before a word is part of the word. `unread` holds it until the word is complete.
    """

    def __init__(self, tokenizer: Tokenizer, *, lower_case: bool = False) -> None:
        self._tokenizer = tokenizer
        self._lower_case = lower_case
        self._anchors = [_Anchor(0, 0)]
        self._final: list[Piece] = []
        self._open: list[Piece] = []
        self.text = ""
        self.prefix = ""

    @property
    def unread(self) -> str:
        """The typed part of the next word that is not in `pieces`: `prefix`, for subwords with the space before it."""
        before = self._tail()[: len(self._tail()) - len(self.prefix)]
        is_spaced = self._is_spaced(before) if before else self._anchors[-1].is_spaced
        return f" {self.prefix}" if self._tokenizer.kind == "subword" and is_spaced else self.prefix

    @property
    def begins_sentence(self) -> bool:
        """Whether the next word begins a sentence."""
        return begins_sentence(piece.text for piece in self.reversed_pieces())

    @property
    def pieces(self) -> list[Piece]:
        """The complete tokens of the text."""
        return self._final + self._open

    def pieces_from(self, first: int) -> list[Piece]:
        """Return the pieces from index `first` on."""
        return self._final[first:] + self._open[max(0, first - len(self._final)) :]

    def reversed_pieces(self) -> Iterator[Piece]:
        """Yield the pieces, last one first."""
        yield from reversed(self._open)
        yield from reversed(self._final)

    def insert(self, typed: str) -> int:
        """Append to the text.

        Returns:
            The number of leading pieces that did not change.

        Raises:
            TextError: The tokenizer rejects the new text; the text does not change.
        """
        require_unicode(typed)
        before, num_anchors, kept = self.text, len(self._anchors), len(self._final)
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
        """Remove characters from the end of the text.

        Returns:
            The number of leading pieces that did not change.
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
        """Return the pieces of `encode_prompt` for the whole text, with its last word complete."""
        return self._final + self._prompt(self._tail())

    def _recut(self) -> None:
        """Tokenize the text after the last anchor, and add anchors."""
        start = self._anchors[-1].position
        del self._final[self._anchors[-1].num_pieces :]
        for end in [start + offset for offset in self._word_starts(self._tail())]:
            part = self.text[start:end]
            self._final += self._cut(part, before_word=True)
            self._anchors.append(_Anchor(end, len(self._final), self._is_spaced(part)))
            start = end
        tail = self._tail()
        self.prefix = self._last_word(tail)
        if self.prefix and self._tokenizer.kind != "character":
            self._open = self._cut(tail[: len(tail) - len(self.prefix)], before_word=True)
        else:
            self._open = self._prompt(tail)

    def _tail(self) -> str:
        return self.text[self._anchors[-1].position :]

    def _word_starts(self, tail: str) -> Iterator[int]:
        """Yield the positions where words begin after white space."""
        pattern = _TOKEN_STARTS if self._tokenizer.kind == "pretokenized" else _WORD_STARTS
        for match in pattern.finditer(tail):
            start = match.end() - 1
            if self._tokenizer.kind != "word" or is_word_character(tail[start]) or self._ends_segment(match[1]):
                yield start

    def _is_spaced(self, part: str) -> bool:
        """Return whether a part of the text ends with white space after text in the same segment."""
        lines = split_lines(part)
        *_, last = ["", *segments(lines, self._tokenizer.line_ends)]
        return part[-1].isspace() and ends_open(lines, self._tokenizer.line_ends) and bool(last.strip())

    def _ends_segment(self, white_space: str) -> bool:
        return len(split_lines(white_space)) > (1 if self._tokenizer.line_ends == "line" else 2)

    def _last_word(self, tail: str) -> str:
        if self._tokenizer.kind != "pretokenized":
            return trailing_word(tail)
        match = _LAST_TOKEN.search(tail)
        return match[0] if match else ""

    def _cut(self, part: str, *, before_word: bool) -> list[Piece]:
        """Return the pieces of text after the last anchor; with `before_word`, a word follows directly."""
        kind, line_ends = self._tokenizer.kind, self._tokenizer.line_ends
        lines = split_lines(part)
        whole = list(segments(lines, line_ends))
        is_open = ends_open(lines, line_ends)
        pieces: list[Piece] = []
        for number, segment in enumerate(whole, start=1):
            is_last = is_open and number == len(whole)
            tidied = tidy(segment, kind)
            if is_last and before_word and kind == "word" and tidied and part[-1].isspace() and is_mark(tidied[-1]):
                tidied += " "
            if kind == "subword" and number == 1 and tidied and self._anchors[-1].is_spaced:
                tidied = f" {tidied}"
            pieces += self._pieces_of(tidied)
            if not is_last:
                pieces.append(Piece(END, self._tokenizer.vocabulary.end_id))
        return pieces

    def _pieces_of(self, tidied: str) -> Iterator[Piece]:
        kind, vocabulary = self._tokenizer.kind, self._tokenizer.vocabulary
        if self._lower_case and kind == "subword":
            tidied = tidied.lower()
        for part in slices(known_dashes(self._tokenizer, tidied), kind):
            for text, token_id in known_pieces(self._tokenizer, part):
                if kind == "pretokenized" and text == END:
                    raise TextError(f"`{END}` is reserved for line ends, but is in the text; type a line break instead")
                is_lowered = self._lower_case and token_id == vocabulary.unknown_id
                yield Piece(text, vocabulary.id_of(text.lower()) if is_lowered else token_id)

    def _prompt(self, tail: str) -> list[Piece]:
        """Return the pieces of `encode_prompt` for `tail`, which decides about the space after a last mark."""
        pieces = self._cut(tail, before_word=False)
        if self._tokenizer.kind == "word" and pieces and pieces[-1].token_id != self._tokenizer.vocabulary.end_id:
            pieces[-1] = Piece(*self._tokenizer.continued(tail, *pieces[-1]))
        return pieces


def known_dashes(tokenizer: Tokenizer, text: str) -> str:
    """Return a text with `--` as an em dash if only that is in the vocabulary, and the other way round."""
    vocabulary = tokenizer.vocabulary
    if not any(dash in vocabulary for dash in ("\u2014", " \u2014", "\u2014 ", " \u2014 ")):
        return text.replace("\u2014", "--")
    return text if "--" in vocabulary or " --" in vocabulary else text.replace("--", "\u2014")


def known_pieces(tokenizer: Tokenizer, text: str) -> list[tuple[str, int]]:
    """Return the tokens of a tidy text as `Tokenizer.cut` does, unknown ones with other quotes if these help."""
    vocabulary, pieces = tokenizer.vocabulary, tokenizer.cut(text)
    unknown_id = vocabulary.unknown_id
    if all(token_id != unknown_id for _, token_id in pieces):
        return pieces
    curly = _OPENING.sub(lambda quote: quote[0].translate(_OPENED), text).translate(_CLOSED)
    forms = (curly, text.translate(_CLOSED), text.translate(_STRAIGHT))
    if tokenizer.kind == "subword":  # its pieces depend on the characters that are known
        characters = zip(text, *forms, strict=True)
        return tokenizer.cut("".join(next(filter(vocabulary.__contains__, each), each[0]) for each in characters))
    others = [cut for cut in map(tokenizer.cut, forms) if len(cut) == len(pieces)]
    return [
        next((piece for piece in each if piece[1] != unknown_id), each[0]) for each in zip(pieces, *others, strict=True)
    ]
