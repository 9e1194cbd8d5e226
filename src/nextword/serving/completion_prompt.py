"""The prompt of a completion: its tokens, and the part of the text that each of them has."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nextword.generation.pieces import text_pieces
from nextword.text.line_ends import ends_open, segments
from nextword.text.lines import split_lines
from nextword.text.pieces import slices, tidy
from nextword.text.tokenizer import Tokenizer


@dataclass(frozen=True)
class Prompt:
    """A prompt, ready to be read.

    Attributes:
        ids: Its tokens.
        read: What the model reads: `<eos>` and the tokens. Token lists that begin with `<eos>` have it already.
        text: The prompt as text.
        is_text: Whether it was sent as text.
    """

    ids: tuple[int, ...]
    read: tuple[int, ...]
    text: str
    is_text: bool

    @classmethod
    def of_text(cls, tokenizer: Tokenizer, text: str, *, is_complete: bool = False) -> "Prompt":
        """Return the prompt of a text.

        Args:
            tokenizer: The tokenizer of the model.
            text: The text.
            is_complete: Whether nothing is generated after it; then its last mark is one that ends a text.

        Raises:
            TextError: The tokenizer refuses the text.
        """
        ids = tuple(tokenizer.encode(text) if is_complete else tokenizer.encode_prompt(text))
        return cls(ids, (tokenizer.vocabulary.end_id, *ids), text, True)

    @classmethod
    def of_ids(cls, tokenizer: Tokenizer, ids: Sequence[int]) -> "Prompt":
        """Return the prompt of a list of tokens.

        Raises:
            TextError: An id is outside the vocabulary.
        """
        end_id = tokenizer.vocabulary.end_id
        read = tuple(ids) if ids and ids[0] == end_id else (end_id, *ids)
        return cls(tuple(ids), read, tokenizer.decode(ids), False)

    def pieces(self, tokenizer: Tokenizer) -> list[str]:
        """Return the text of each token; together they are the text of the prompt, to the last space."""
        decoded = list(text_pieces(tokenizer, [], self.ids))
        if not self.is_text or "".join(decoded) == self.text:
            return decoded
        starts = token_starts(tokenizer, self.text)
        if not starts or len(starts) != len(self.ids):
            return decoded
        ends = [*starts[1:], len(self.text)]
        return [self.text[start:end] for start, end in zip([0, *starts[1:]], ends, strict=True)]


def token_starts(tokenizer: Tokenizer, text: str) -> list[int]:
    r"""Return where each token of a text begins; the white space between two tokens belongs to the second.

    The tokenizer changes nothing but white space. So a token begins where the other characters before it end.

    Example:
        >>> from nextword.text.vocabulary import Vocabulary
        >>> tokenizer = Tokenizer("word", "line", Vocabulary(("<eos>", "<unk>", "It", "is", ".")))
        >>> token_starts(tokenizer, "It  was.\nIs")
        [0, 2, 7, 8, 9]
    """
    starts, position = [], 0
    for piece in _written(tokenizer, text):
        starts.append(min(position, len(text)))
        position = _after_end(tokenizer, text, position) if piece is None else _after(tokenizer, text, position, piece)
    return starts


def _after(tokenizer: Tokenizer, text: str, position: int, piece: str) -> int:
    """Return the position after the characters of a piece; white space counts for character models only."""
    if tokenizer.kind == "character":
        return position + len(piece)
    for character in piece:
        if not character.isspace():
            position = text.index(character, position) + 1
    return position


def _after_end(tokenizer: Tokenizer, text: str, position: int) -> int:
    """Return the position after the end of a line or paragraph."""
    if tokenizer.line_ends == "paragraph":
        return len(text) - len(text[position:].lstrip())
    while position < len(text) and text[position] not in "\r\n":
        position += 1
    return position + (2 if text.startswith("\r\n", position) else 1)


def _written(tokenizer: Tokenizer, text: str) -> Iterator[str | None]:
    """Yield each token of a text as written, and `None` for each `<eos>`."""
    lines = split_lines(text)
    parts = list(segments(lines, tokenizer.line_ends))
    for number, segment in enumerate(parts, 1):
        for part in slices(tidy(segment, tokenizer.kind), tokenizer.kind):
            yield from (piece for piece, _ in tokenizer.cut(part))
        if number < len(parts) or not ends_open(lines, tokenizer.line_ends):
            yield None
