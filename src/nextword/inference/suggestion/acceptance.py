"""The text after a suggestion is accepted: the word, and the spaces around it."""

import numpy as np
from numpy.typing import NDArray

from nextword.inference.suggestion.lexicon import variants_of
from nextword.inference.suggestion.typed_text import TypedText
from nextword.text.tokens.pieces import is_mark, is_opened
from nextword.text.tokens.tokenizer import Tokenizer


def accepted_text(typed: TypedText, tokenizer: Tokenizer, word: str, log_probs: NDArray[np.float32]) -> str:
    """Return the text with `word` instead of the word being typed.

    A space follows a word. With the tokenizer `word`, a punctuation mark gets its most probable spaces: `said` and `,`
    become `"said, "`, while a quote may open or close.

    Args:
        typed: The text.
        tokenizer: Tokenizer of the model.
        word: The suggested word or mark.
        log_probs: Log-probabilities of the next token after the text `(V,)`.
    """
    if mark := spaced_mark(tokenizer, word, log_probs):
        return typed.text.rstrip(" ") + mark
    before = typed.text[: len(typed.text) - len(typed.prefix)]
    return f"{before}{' ' if needs_space(typed, tokenizer) else ''}{word} "


def spaced_mark(tokenizer: Tokenizer, word: str, log_probs: NDArray[np.float32]) -> str:
    """Return a punctuation mark of running text with its most probable spaces; empty for a word or an unknown mark.

    Args:
        tokenizer: Tokenizer of the model.
        word: The suggested word or mark.
        log_probs: Log-probabilities of the next token `(V,)`.
    """
    variants = variants_of(word, tokenizer) if tokenizer.kind == "word" else []
    if not variants or not is_mark(word):
        return ""
    best = max(variants, key=lambda token_id: (float(log_probs[token_id]), -token_id))
    return tokenizer.vocabulary.token_of(best)


def needs_space(typed: TypedText, tokenizer: Tokenizer) -> bool:
    """Return whether the next word needs a space before it, as after a mark that does not open a quote or bracket."""
    text = typed.text
    if typed.prefix or not text or text[-1].isspace() or is_opened(text):
        return False
    if tokenizer.kind == "subword":
        return True
    if tokenizer.kind != "word":
        return False
    return tokenizer.vocabulary.token_of(next(typed.reversed_pieces()).token_id).endswith(" ")
