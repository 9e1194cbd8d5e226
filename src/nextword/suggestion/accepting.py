"""What a text becomes when a suggestion is accepted, with the spaces that a person would type."""

import numpy as np
from numpy.typing import NDArray

from nextword.suggestion.lexicon import variants_of
from nextword.suggestion.typed_text import TypedText
from nextword.text.pieces import is_mark
from nextword.text.tokenizer import Tokenizer

_BRACKETS = frozenset("([{\u00ab")
_QUOTES = frozenset("\"'\u2018\u201c")


def accepted(typed: TypedText, tokenizer: Tokenizer, word: str, log_probs: NDArray[np.float32]) -> str:
    """Return the text with a word in place of the one being typed, and what comes after it begun.

    A word is followed by a space. A mark of running text has the spaces that are the most probable: `said` and `,`
    become `"said, "`, while a quote may open or close.

    Args:
        typed: The text.
        tokenizer: The model's.
        word: The word or mark, as it was suggested.
        log_probs: The log-probabilities of what comes after the tokens of the text `(V,)`.
    """
    variants = variants_of(word, tokenizer)
    if tokenizer.kind == "word" and variants and is_mark(word):
        best = max(variants, key=lambda token_id: (float(log_probs[token_id]), -token_id))
        return typed.text.rstrip(" ") + tokenizer.vocabulary.token_of(best)
    before = typed.text[: len(typed.text) - len(typed.prefix)]
    return f"{before}{' ' if needs_space(typed, tokenizer) else ''}{word} "


def needs_space(typed: TypedText, tokenizer: Tokenizer) -> bool:
    """Return whether the next word needs a space before it: after a mark, unless that opens something."""
    text = typed.text
    if typed.prefix or not text or text[-1].isspace() or text[-1] in _BRACKETS:
        return False
    if text[-1] in _QUOTES and (len(text) == 1 or text[-2].isspace()):
        return False
    if tokenizer.kind == "subword":
        return True
    return tokenizer.kind == "word" and tokenizer.vocabulary.token_of(next(typed.backwards()).token_id).endswith(" ")
