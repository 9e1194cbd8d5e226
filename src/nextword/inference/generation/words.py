"""Required and forbidden words, and their spellings in the tokens of a vocabulary."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple, Self

from nextword.errors import SettingError
from nextword.inference.generation.generated_text import piece_of
from nextword.text.tokens.pre_tokens import is_word_character, tidy
from nextword.text.tokens.tokenizer import Tokenizer

_MAX_SPELLINGS = 64
_NO_TOKEN = -1

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
    """Finds the sequences of tokens whose text is a given word or phrase.

    Spaces at the ends of the phrase do not matter. A phrase matches only whole words: for character and subword models,
    a letter, combining mark, digit or underscore next to it makes it a different word. Subwords can spell a word in
    many ways; the search returns those with the fewest tokens, because models rarely use others.

    Example:
        >>> from nextword.text.tokens.vocabulary import Vocabulary
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
        """Return the spellings of a word or phrase after white-space normalization, fewest tokens first."""
        surface = self._folded(tidy(text, self._tokenizer.kind).strip(" "))
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
        piece = self._folded(piece_of(self._tokenizer, before, token_id))
        if piece.rstrip(" ") == left:
            return ""
        is_part = left.startswith(piece) if piece else before is not None
        return left[len(piece) :] if is_part else None

    def _folded(self, text: str) -> str:
        return text.casefold() if self._any_case else text


def _next_tokens(left: str, before: int | None) -> set[str]:
    """Return the texts of possible next tokens, with and without spaces at their ends."""
    starts = (left, f" {left}" if before is None else left.removeprefix(" "))
    return {start[:length] for start in starts for length in range(1, len(start) + 1)} | {f"{s} " for s in starts}


class RequiredWords:
    """Phrases that a text must contain; the search keeps texts at every degree of progress."""

    def __init__(self, words: Sequence[str] = (), phrases: Sequence[Phrase] = ()) -> None:
        self._words = tuple(words)
        self._phrases = tuple(phrases)

    @classmethod
    def of(cls, tokenizer: Tokenizer, words: Sequence[str]) -> Self:
        """Require words and phrases in the given case, each spelled with the fewest tokens.

        Raises:
            SettingError: The vocabulary cannot spell one of them.
        """
        words = tuple(dict.fromkeys(words))
        if not words:
            return cls()
        speller = Speller(tokenizer, any_case=False)
        return cls(words, [_phrase(speller, word) for word in words])

    @property
    def num_tokens(self) -> int:
        """Most tokens that a text needs for all phrases."""
        return sum(len(phrase.sets) for phrase in self._phrases)

    def progress(self, met: frozenset[int], before: int, ids: Sequence[int]) -> tuple[frozenset[int], int]:
        """Return the progress of a text with its required phrases.

        Args:
            met: Numbers of the phrases in the text without its last token.
            before: Token before the text.
            ids: Tokens of the text.

        Returns:
            The numbers of the phrases in the text, and the number of their tokens. This number includes the tokens of
            the longest incomplete phrase at the end of the text.
        """
        met |= {
            number
            for number, phrase in enumerate(self._phrases)
            if number not in met and phrase.has_begun(len(phrase.sets), _context(phrase, before, ids))
        }
        begun = (self._begun(number, before, ids) for number in self._unmet(met))
        return met, sum(len(self._phrases[number].sets) for number in met) + max(begun, default=0)

    def met_by(self, before: int, ids: Sequence[int]) -> frozenset[int]:
        """Return the numbers of the phrases in a complete text, whose end also ends a phrase."""
        met: frozenset[int] = frozenset()
        for length in range(1, len(ids) + 1):
            met, _ = self.progress(met, before, ids[:length])
        return met | {number for number in self._unmet(met) if self._is_closed_by_end(number, before, ids)}

    def next_tokens(self, met: frozenset[int], before: int, ids: Sequence[int]) -> Iterator[frozenset[int]]:
        """Yield for each missing phrase the tokens that begin it, and the tokens that continue it if it has begun."""
        for number in self._unmet(met):
            sets = self._phrases[number].sets
            yield from {sets[0], sets[self._begun(number, before, ids)]}

    def missing(self, met: frozenset[int]) -> tuple[str, ...]:
        """Return the words that are not in a text."""
        return tuple(self._words[number] for number in self._unmet(met))

    def _unmet(self, met: frozenset[int]) -> list[int]:
        return [number for number in range(len(self._phrases)) if number not in met]

    def _is_closed_by_end(self, number: int, before: int, ids: Sequence[int]) -> bool:
        phrase = self._phrases[number]
        return phrase.closed and phrase.has_begun(len(phrase.sets) - 1, _context(phrase, before, ids))

    def _begun(self, number: int, before: int, ids: Sequence[int]) -> int:
        """Return the length of the longest proper prefix of a phrase at the end of a text, in tokens."""
        phrase = self._phrases[number]
        context = _context(phrase, before, ids)
        return next(length for length in range(len(phrase.sets) - 1, -1, -1) if phrase.has_begun(length, context))


def _context(phrase: Phrase, before: int, ids: Sequence[int]) -> Sequence[int]:
    """Return the tokens to search for a phrase; the token before the text can open it but is not part of it."""
    return (_NO_TOKEN, before, *ids) if phrase.opened else ids  # so that it cannot begin before the text


def _phrase(speller: Speller, word: str) -> Phrase:
    found = speller.phrases(word)
    if not found:
        raise SettingError(
            f"the vocabulary must be able to spell a required word, but cannot spell {word!r}; require another word or "
            "another case"
        )
    return found[0]


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
        speller = Speller(tokenizer, any_case=True)
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
