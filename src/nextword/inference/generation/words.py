"""Forbidden words, and their spellings in the tokens of a vocabulary."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple, Self

from nextword.inference.generation.generated_text import piece_of
from nextword.text.tokens.pre_tokens import is_word_character, tidy
from nextword.text.tokens.tokenizer import Tokenizer

_MAX_SPELLINGS = 64

type Sets = tuple[frozenset[int], ...]
"""A set of tokens for each position of a sequence."""


class Phrase(NamedTuple):
    """A sequence of tokens, with a set of possible tokens for each position."""

    sets: tuple[frozenset[int], ...]
    # Whether the first set is the possible tokens before the phrase; the beginning of a text also counts.
    opened: bool = False
    closed: bool = False  # whether the last set is the possible tokens after the phrase; the end of a text also counts

    def has_begun(self, length: int, ids: Sequence[int]) -> bool:
        """Return whether a text ends with the first `length` tokens of the phrase."""
        sets = self.sets[:length]
        if self.opened and len(ids) == length - 1:
            sets = sets[1:]
        if len(ids) < len(sets):
            return False
        return all(token_id in allowed for token_id, allowed in zip(ids[len(ids) - len(sets) :], sets, strict=True))


class Speller:
    """Finds the sequences of tokens whose text is a given word or phrase, in any case.

    Spaces at the ends of the phrase do not matter. A phrase matches only whole words: for character and subword models,
    a letter, combining mark, digit or underscore next to it makes it a different word. Subwords can spell a word in
    many ways; the search returns those with the fewest tokens, because models rarely use others.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        vocabulary = tokenizer.vocabulary
        specials = (vocabulary.unknown_id, vocabulary.end_id)
        self._tokenizer = tokenizer
        self._by_text: defaultdict[str, set[int]] = defaultdict(set)
        self._known: dict[tuple[str, int | None, int], tuple[Sets, ...]] = {}
        ordinary = {token_id: token for token_id, token in enumerate(vocabulary.tokens) if token_id not in specials}
        for token_id, token in ordinary.items():
            self._by_text[token.casefold()].add(token_id)
        self._before_words = frozenset(specials).union(
            token_id for token_id, token in ordinary.items() if not is_word_character(token[-1])
        )
        self._after_words = frozenset(specials).union(
            token_id for token_id, token in ordinary.items() if not is_word_character(token[0])
        )
        self._spaced = frozenset(token_id for token_id, token in ordinary.items() if token[0] == " ")

    def phrases(self, text: str) -> list[Phrase]:
        """Return the spellings of a word or phrase after white-space normalization, fewest tokens first."""
        surface = tidy(text, self._tokenizer.kind).strip(" ").casefold()
        if not surface:
            return []
        found = islice(self._shortest(surface), _MAX_SPELLINGS)
        if self._tokenizer.kind in ("pretokenized", "word"):
            return [Phrase(sets) for sets in found]
        is_word, closed = is_word_character(surface[0]), is_word_character(surface[-1])
        after = (self._after_words,) * closed
        opened_sets = (variant for sets in found for variant in self._opened(sets, is_word=is_word))
        return [Phrase(sets + after, opened, closed) for sets, opened in opened_sets]

    def _opened(self, sets: Sets, *, is_word: bool) -> Iterator[tuple[Sets, bool]]:
        """Yield variants of a phrase, and whether their first set is the possible tokens before it.

        A token with a leading space always begins a word, so it needs no such set.
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
            yield from self._spellings(surface, None, num_tokens)

    def _spellings(self, left: str, before: int | None, num_tokens: int) -> tuple[Sets, ...]:
        """Return the spellings of `left` in `num_tokens` tokens after `before`, or at the beginning if it is `None`."""
        key = (left, before, num_tokens)
        if key not in self._known:  # otherwise the end of a long word would be spelled again for each beginning
            self._known[key] = tuple(islice(self._search(*key), _MAX_SPELLINGS))
        return self._known[key]

    def _search(self, left: str, before: int | None, num_tokens: int) -> Iterator[Sets]:
        if not (left and num_tokens):
            if not (left or num_tokens):
                yield ()
            return
        by_rest: defaultdict[tuple[str, bool], set[int]] = defaultdict(set)
        for token in _next_tokens(left, before):
            for token_id in self._by_text.get(token, ()):
                rest = self._rest(left, before, token_id)
                if rest is not None:  # the space at the end of a token is written with the next one
                    by_rest[rest, bool(rest) and token.endswith(" ")].add(token_id)
        for (rest, _), ids in by_rest.items():
            for others in self._spellings(rest, min(ids), num_tokens - 1):
                yield (frozenset(ids), *others)

    def _rest(self, left: str, before: int | None, token_id: int) -> str | None:
        """Return the rest of a phrase after a token; `None` if the text of the token does not match."""
        piece = piece_of(self._tokenizer, before, token_id).casefold()
        if piece.rstrip(" ") == left:
            return ""
        is_part = left.startswith(piece) if piece else before is not None
        return left[len(piece) :] if is_part else None


def _next_tokens(left: str, before: int | None) -> set[str]:
    """Return the texts of possible next tokens, with and without spaces at their ends."""
    starts = (left, f" {left}" if before is None else left.removeprefix(" "))
    return {start[:length] for start in starts for length in range(1, len(start) + 1)} | {f"{s} " for s in starts}


class ForbiddenWords:
    """Forbidden tokens, and phrases whose last token is forbidden after the others."""

    def __init__(self, ids: Collection[int] = (), phrases: Iterable[Phrase] = ()) -> None:
        phrases = list(phrases)
        alone = [phrase.sets[0] for phrase in phrases if len(phrase.sets) == 1]
        self._always = frozenset(ids).union(*alone)
        self._phrases = [phrase for phrase in phrases if len(phrase.sets) > 1]

    @classmethod
    def of(cls, tokenizer: Tokenizer, words: Sequence[str], *, ids: Collection[int] = ()) -> Self:
        """Forbid words and phrases in every case, and in the spellings with the fewest tokens.

        The model cannot generate a word that the vocabulary cannot spell.
        """
        if not words:
            return cls(ids)
        speller = Speller(tokenizer)
        return cls(ids, [phrase for word in words for phrase in speller.phrases(word)])

    def after(self, read: Sequence[int], *, is_last: bool) -> frozenset[int]:
        """Return the forbidden next tokens.

        `is_last` says that the text ends with the next token, which then ends a word.
        """
        found = self._always
        for phrase in self._phrases:
            lengths = {len(phrase.sets), len(phrase.sets) - (is_last and phrase.closed)}
            found = found.union(*(phrase.sets[n - 1] for n in lengths if phrase.has_begun(n - 1, read)))
        return found
