"""How a vocabulary spells words and phrases."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterator

from nextword.generation.phrase import Phrase
from nextword.generation.pieces import piece_of
from nextword.text.pieces import tidy
from nextword.text.tokenizer import Tokenizer


class Speller:
    """Finds every row of tokens whose text is a given word or phrase.

    Tokens that differ in the spaces at either end of the phrase alone are one. A word is a whole word: to a model of
    characters, a letter, mark, digit or underscore beside it makes it another.

    Args:
        tokenizer: Whose tokens they are.
        any_case: Whether upper and lower case are alike.

    Example:
        >>> from nextword.text.vocabulary import Vocabulary
        >>> tokenizer = Tokenizer("word", "line", Vocabulary(("<eos>", "<unk>", "New", "York", "york", ",", ", ")))
        >>> [[sorted(ids) for ids in phrase.sets] for phrase in Speller(tokenizer, any_case=True).phrases("new york,")]
        [[[2], [3, 4], [5, 6]]]
    """

    def __init__(self, tokenizer: Tokenizer, *, any_case: bool) -> None:
        vocabulary = tokenizer.vocabulary
        specials = (vocabulary.unknown_id, vocabulary.end_id)
        self._tokenizer = tokenizer
        self._any_case = any_case
        self._by_text: defaultdict[str, set[int]] = defaultdict(set)
        beside = set(specials)
        for token_id, token in enumerate(vocabulary.tokens):
            if token_id not in specials:
                self._by_text[self._folded(token)].add(token_id)
                if not _is_word_character(token[0]):
                    beside.add(token_id)
        self._beside_words = frozenset(beside)

    def phrases(self, text: str) -> list[Phrase]:
        """Return the ways to spell a word or phrase, that of the fewest tokens first; white space is made regular."""
        surface = self._folded(tidy(text, self._tokenizer.kind).strip(" "))
        if not surface:
            return []
        found = sorted(self._ways(surface, None), key=len)
        if self._tokenizer.kind != "character":
            return [Phrase(sets) for sets in found]
        opened, closed = _is_word_character(surface[0]), _is_word_character(surface[-1])
        before, after = (self._beside_words,) * opened, (self._beside_words,) * closed
        return [Phrase(before + sets + after, opened, closed) for sets in found]

    def _ways(self, left: str, before: int | None) -> Iterator[tuple[frozenset[int], ...]]:
        """Yield every row of sets that spells `left` after the token `before`, or at the beginning of the phrase."""
        if not left:
            yield ()
            return
        by_rest: defaultdict[str, set[int]] = defaultdict(set)
        for token in _beginnings(left, before):
            for token_id in self._by_text.get(token, ()):
                rest = self._rest(left, before, token_id)
                if rest is not None:
                    by_rest[rest].add(token_id)
        for rest, ids in by_rest.items():
            for others in self._ways(rest, min(ids)):
                yield (frozenset(ids), *others)

    def _rest(self, left: str, before: int | None, token_id: int) -> str | None:
        """Return what is left of a phrase after a token, `None` where the token, as it is joined on, is not in it."""
        piece = self._folded(piece_of(self._tokenizer, before, token_id))
        if before is None:
            piece = piece.lstrip(" ")
        if piece.rstrip(" ") == left:
            return ""
        return left[len(piece) :] if piece and left.startswith(piece) else None

    def _folded(self, text: str) -> str:
        return text.casefold() if self._any_case else text


def _beginnings(left: str, before: int | None) -> set[str]:
    """Return the tokens that may come next: with a space more in front or behind, or with that between two words."""
    starts = (left, f" {left}" if before is None else left.removeprefix(" "))
    return {start[:length] for start in starts for length in range(1, len(start) + 1)} | {f"{s} " for s in starts}


def _is_word_character(character: str) -> bool:
    """Whether a character may be part of a word, as the word tokenizer cuts (`nextword.text.pieces`)."""
    return character == "_" or unicodedata.category(character)[0] in "LMN"
