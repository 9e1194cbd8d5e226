"""Which beginnings of words lead to a word that is known."""

from bisect import bisect_left
from collections.abc import Collection

from nextword.text.pieces import pre_tokenizer
from nextword.text.tokenizer import Tokenizer
from nextword.text.vocabulary import END, UNKNOWN


class KnownWords:
    """Tells whether a known word may begin so, in the time of a binary search.

    A word of running text may have several tokens: all but the last must then be known, and the last begin one that is.

    Args:
        tokenizer: The model's.
        words: The words that may be said; all that consist of the vocabulary's tokens unless given.

    Example:
        >>> from nextword.text.vocabulary import Vocabulary
        >>> known = KnownWords(Tokenizer("word", "line", Vocabulary(("<eos>", "<unk>", "said", ", "))))
        >>> [known.begins_word(partial) for partial in ("sa", "said", "said,", "so")]
        [True, True, True, False]
    """

    def __init__(self, tokenizer: Tokenizer, words: Collection[str] | None = None) -> None:
        self._kind = tokenizer.kind if words is None else "pretokenized"
        tokens = (token.strip(" ") for token in tokenizer.vocabulary.tokens if token not in (UNKNOWN, END))
        self._sorted = sorted(set(tokens) if words is None else set(words))
        self._cut = pre_tokenizer("word").pre_tokenize_str

    def begins_word(self, partial: str) -> bool:
        """Return whether a known word begins with `partial`; every word begins with nothing."""
        match self._kind:
            case "pretokenized":
                return self._begins(partial)
            case "subword" | "character":
                return all(map(self._is, partial))
            case "word":
                *whole, last = [piece for piece, _ in self._cut(partial)] or [""]
                return (all(map(self._is, whole)) and self._begins(last)) or self._begins(partial)  # as don' does

    def _is(self, piece: str) -> bool:
        place = bisect_left(self._sorted, piece)
        return place < len(self._sorted) and self._sorted[place] == piece

    def _begins(self, piece: str) -> bool:
        place = bisect_left(self._sorted, piece)
        return not piece or (place < len(self._sorted) and self._sorted[place].startswith(piece))
