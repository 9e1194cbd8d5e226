"""Required and forbidden words."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Self

from nextword.errors import SettingError
from nextword.inference.generation.speller import Phrase, Speller
from nextword.text.tokens.tokenizer import Tokenizer


class RequiredWords:
    """Phrases that a text must contain; the search keeps texts at every degree of progress.

    Args:
        words: The phrases as text.
        phrases: The phrases as tokens.
    """

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
        """Return the numbers of the phrases in a complete text, whose end also ends a phrase.

        Args:
            before: Token before the text.
            ids: Displayed tokens of the text.
        """
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
    return (before, *ids) if phrase.opened else ids


def _phrase(speller: Speller, word: str) -> Phrase:
    found = speller.phrases(word)
    if not found:
        raise SettingError(
            f"the vocabulary must be able to spell a required word, but cannot spell {word!r}; require another word or "
            "another case"
        )
    return found[0]


class ForbiddenWords:
    """Forbidden tokens, and phrases whose last token is forbidden after the others.

    Args:
        ids: Forbidden tokens.
        phrases: Forbidden phrases.
    """

    def __init__(self, ids: Collection[int] = (), phrases: Iterable[Phrase] = ()) -> None:
        phrases = list(phrases)
        alone = [phrase.sets[0] for phrase in phrases if len(phrase.sets) == 1]
        self._always = frozenset(ids).union(*alone)
        self._phrases = [phrase for phrase in phrases if len(phrase.sets) > 1]

    @classmethod
    def of(cls, tokenizer: Tokenizer, words: Sequence[str], *, ids: Collection[int] = ()) -> Self:
        """Forbid words and phrases in every spelling and every case.

        The model cannot generate a word that the vocabulary cannot spell.
        """
        if not words:
            return cls(ids)
        speller = Speller(tokenizer, any_case=True)
        return cls(ids, [phrase for word in words for phrase in speller.phrases(word)])

    def after(self, read: Sequence[int], *, is_last: bool) -> frozenset[int]:
        """Return the forbidden next tokens.

        Args:
            read: Tokens of prompt and text.
            is_last: Whether the text ends with the next token, which then ends a word.
        """
        found = self._always
        for phrase in self._phrases:
            lengths = {len(phrase.sets), len(phrase.sets) - (is_last and phrase.closed)}
            found = found.union(*(phrase.sets[n - 1] for n in lengths if phrase.has_begun(n - 1, read)))
        return found
