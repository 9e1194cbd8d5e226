"""How a vocabulary spells words and phrases."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from nextword.generation.pieces import piece_of
from nextword.text.pieces import is_word_character, tidy
from nextword.text.tokenizer import Tokenizer

_MOST_WAYS = 64

type Sets = tuple[frozenset[int], ...]
"""Tokens in a row, each one of a set."""


class Phrase(NamedTuple):
    """Tokens in a row, each one of a set.

    Attributes:
        sets: The sets, in order.
        opened: Whether the first set is not of the phrase, but of what may stand before it; the beginning of a text
            may as well.
        closed: Whether the last set is not of the phrase, but of what may stand after it; the end of a text may too.
    """

    sets: tuple[frozenset[int], ...]
    opened: bool = False
    closed: bool = False

    def has_begun(self, length: int, ids: Sequence[int]) -> bool:
        """Return whether a text ends with the first `length` tokens of the phrase.

        Example:
            >>> Phrase((frozenset([1]), frozenset([2, 3]))).has_begun(2, [7, 1, 3])
            True
        """
        sets = self.sets[:length]
        if self.opened and len(ids) == length - 1:
            sets = sets[1:]
        if len(ids) < len(sets):
            return False
        return all(token_id in allowed for token_id, allowed in zip(ids[len(ids) - len(sets) :], sets, strict=True))


class Speller:
    """Finds every row of tokens whose text is a given word or phrase.

    Tokens that differ in the spaces at either end of the phrase alone are one. A word is a whole word: to a model of
    characters or subwords, a letter, mark, digit or underscore beside it makes it another. Subwords spell a word in
    very many ways, of which those of the fewest tokens are found; a model hardly ever takes another.

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
        self._known: dict[tuple[str, int | None, int], tuple[Sets, ...]] = {}
        ordinary = {token_id: token for token_id, token in enumerate(vocabulary.tokens) if token_id not in specials}
        for token_id, token in ordinary.items():
            self._by_text[self._folded(token)].add(token_id)
        self._before_words = frozenset(specials).union(
            token_id for token_id, token in ordinary.items() if not is_word_character(token[-1])
        )
        self._after_words = frozenset(specials).union(
            token_id for token_id, token in ordinary.items() if not is_word_character(token[0])
        )
        self._spaced = frozenset(token_id for token_id, token in ordinary.items() if token[0] == " ")

    def phrases(self, text: str) -> list[Phrase]:
        """Return the ways to spell a word or phrase, that of the fewest tokens first; white space is made regular."""
        surface = self._folded(tidy(text, self._tokenizer.kind).strip(" "))
        if not surface:
            return []
        found = islice(self._shortest(surface), _MOST_WAYS)
        if self._tokenizer.kind in ("pretokenized", "word"):
            return [Phrase(sets) for sets in found]
        begins, closed = is_word_character(surface[0]), is_word_character(surface[-1])
        after = (self._after_words,) * closed
        begun = (beginning for sets in found for beginning in self._begun(sets, is_word=begins))
        return [Phrase(sets + after, opened, closed) for sets, opened in begun]

    def _begun(self, sets: Sets, *, is_word: bool) -> Iterator[tuple[Sets, bool]]:
        """Yield the ways to begin a phrase, with whether what may stand before it is the first set.

        A token with a space in front begins a word wherever it stands.
        """
        first, *others = sets
        if not is_word:
            yield sets, False
            return
        if spaced := first & self._spaced:
            yield (spaced, *others), False
        if bare := first - self._spaced:
            yield (self._before_words, bare, *others), True

    def _shortest(self, surface: str) -> Iterator[Sets]:
        for num_tokens in range(1, len(surface) + 1):
            yield from self._ways(surface, None, num_tokens)

    def _ways(self, left: str, before: int | None, num_tokens: int) -> tuple[Sets, ...]:
        """Return rows of `num_tokens` sets that spell `left` after the token `before`, or as the phrase's beginning."""
        key = (left, before, num_tokens)
        if key not in self._known:  # without it, a long word would be spelled again for each way to begin it
            self._known[key] = tuple(islice(self._rows(*key), _MOST_WAYS))
        return self._known[key]

    def _rows(self, left: str, before: int | None, num_tokens: int) -> Iterator[Sets]:
        if not (left and num_tokens):
            if not (left or num_tokens):
                yield ()
            return
        by_rest: defaultdict[str, set[int]] = defaultdict(set)
        for token in _beginnings(left, before):
            for token_id in self._by_text.get(token, ()):
                rest = self._rest(left, before, token_id)
                if rest is not None:
                    by_rest[rest].add(token_id)
        for rest, ids in by_rest.items():
            for others in self._ways(rest, min(ids), num_tokens - 1):
                yield (frozenset(ids), *others)

    def _rest(self, left: str, before: int | None, token_id: int) -> str | None:
        """Return what is left of a phrase after a token, `None` if the token, as it is joined on, is not in it."""
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
