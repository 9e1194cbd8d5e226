"""The text that each token adds to what stands before it."""

from collections.abc import Iterable, Iterator, Sequence

from tokenizers import Regex
from tokenizers.pre_tokenizers import Split

from nextword.text.tokenizer import Tokenizer
from nextword.text.vocabulary import Vocabulary

_CHARACTERS = Split(Regex(r"\X"), "isolated")

_OPEN = ("a", "\N{REGIONAL INDICATOR SYMBOL LETTER A}", "\N{HANGUL CHOSEONG KIYEOK}", "\N{WOMAN}\u200d")
"""Characters that others may join: any base, half a flag, a Hangul syllable begun, and an emoji before a joiner."""


def piece_of(tokenizer: Tokenizer, before: int | None, token_id: int) -> str:
    """Return what a token adds to a text that ends with the token `before`, or is empty.

    How a token is joined on depends on the one before it and on no other.
    """
    if before is None:
        return tokenizer.decode([token_id])
    return tokenizer.decode([before, token_id])[len(tokenizer.decode([before])) :]


def text_pieces(tokenizer: Tokenizer, prompt_ids: Sequence[int], ids: Iterable[int]) -> Iterator[str]:
    """Yield the text of each token as it comes, a space between two words before the second of them.

    Joined to the text of the prompt, `tokenizer.decode(prompt_ids)`, the pieces are the text of all tokens together.
    """
    before = prompt_ids[-1] if prompt_ids else None
    for token_id in ids:
        yield piece_of(tokenizer, before, token_id)
        before = token_id


def after_prompt(tokenizer: Tokenizer, prompt: str, pieces: Iterable[str]) -> Iterator[str]:
    """Yield the pieces of a text, the first without the space that the prompt ends with already.

    To a model of characters that space is a token of the prompt, and another one is meant.
    """
    first = " " if prompt[-1:].isspace() and tokenizer.kind != "character" else ""
    for piece in pieces:
        yield piece.removeprefix(first)
        first = "" if piece else first


def characters_of(text: str) -> list[str]:
    r"""Cut a text into characters.

    Example:
        >>> len(characters_of("e\u0301te\u0301"))
        3
    """
    return [character for character, _ in _CHARACTERS.pre_tokenize_str(text)]


def may_join(vocabulary: Vocabulary) -> bool:
    """Return whether any token begins with what belongs to the character before it."""
    firsts = {token[0] for token in vocabulary.tokens}
    return any(len(characters_of(base + first)) == 1 for first in firsts for base in _OPEN)


def whole_characters(pieces: Iterable[str]) -> Iterator[str]:
    """Yield a text that comes in pieces, keeping its last character back until the next has begun."""
    held = ""
    for piece in pieces:
        *complete, last = characters_of(held + piece) or [""]
        if complete:
            yield "".join(complete)
        held = last
    if held:
        yield held
