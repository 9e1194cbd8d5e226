"""The text that each token adds to the text before it."""

from collections.abc import Iterable, Iterator, Sequence

from tokenizers import Regex
from tokenizers.pre_tokenizers import Split

from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary

_CHARACTERS = Split(Regex(r"\X"), "isolated")

_OPEN = ("a", "\N{REGIONAL INDICATOR SYMBOL LETTER A}", "\N{HANGUL CHOSEONG KIYEOK}", "\N{WOMAN}\u200d")
"""Examples of text that the next token may extend to one character: a letter, half a flag, Hangul, an emoji."""


def piece_of(tokenizer: Tokenizer, before: int | None, token_id: int) -> str:
    """Return the text that a token adds after the token `before`, or at the beginning if that is `None`.

    The text depends only on these two tokens.
    """
    if before is None:
        return tokenizer.decode([token_id])
    return tokenizer.decode([before, token_id])[len(tokenizer.decode([before])) :]


def text_pieces(tokenizer: Tokenizer, prompt_ids: Sequence[int], ids: Iterable[int]) -> Iterator[str]:
    """Yield the text of each token; a space between two words belongs to the second word.

    `tokenizer.decode(prompt_ids)` followed by all pieces is the text of all tokens.
    """
    before = prompt_ids[-1] if prompt_ids else None
    for token_id in ids:
        yield piece_of(tokenizer, before, token_id)
        before = token_id


def after_prompt(tokenizer: Tokenizer, prompt: str, pieces: Iterable[str]) -> Iterator[str]:
    """Yield the pieces of a text, without a leading space if the prompt ends with one.

    For a character model, the space of the prompt is a token, so a leading space of the text is kept.
    """
    first = " " if prompt[-1:].isspace() and tokenizer.kind != "character" else ""
    for piece in pieces:
        yield piece.removeprefix(first)
        first = "" if piece else first


def characters_of(text: str) -> list[str]:
    r"""Split a text into characters that a reader perceives (grapheme clusters).

    Example:
        >>> len(characters_of("e\u0301te\u0301"))
        3
    """
    return [character for character, _ in _CHARACTERS.pre_tokenize_str(text)]


def may_join(vocabulary: Vocabulary) -> bool:
    """Return whether a token can begin with a part of the character before it."""
    firsts = {token[0] for token in vocabulary.tokens}
    return any(len(characters_of(base + first)) == 1 for first in firsts for base in _OPEN)


def whole_characters(pieces: Iterable[str]) -> Iterator[str]:
    """Yield pieces of text in whole characters: the last one waits until the next character begins."""
    held = ""
    for piece in pieces:
        *complete, last = characters_of(held + piece) or [""]
        if complete:
            yield "".join(complete)
        held = last
    if held:
        yield held
