"""The text that each token adds to what stands before it."""

from collections.abc import Iterable, Iterator, Sequence

from nextword.text.tokenizer import Tokenizer


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
