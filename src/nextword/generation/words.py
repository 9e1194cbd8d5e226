"""What must be written."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Self

from nextword.errors import SettingError
from nextword.generation.speller import Phrase, Speller
from nextword.text.tokenizer import Tokenizer


class RequiredWords:
    """Phrases that a text must hold, for a search that keeps texts of every degree of progress.

    Args:
        words: Their names.
        phrases: Their tokens.
    """

    def __init__(self, words: Sequence[str] = (), phrases: Sequence[Phrase] = ()) -> None:
        self._words = tuple(words)
        self._phrases = tuple(phrases)

    @classmethod
    def of(cls, tokenizer: Tokenizer, words: Sequence[str]) -> Self:
        """Return what requires words and phrases, each as it is given, in its spelling of the fewest tokens.

        Raises:
            SettingError: The vocabulary cannot spell one.
        """
        words = tuple(dict.fromkeys(words))
        if not words:
            return cls()
        speller = Speller(tokenizer, any_case=False)
        return cls(words, [_phrase(speller, word) for word in words])

    @property
    def num_tokens(self) -> int:
        """How many tokens a text needs at most to hold all phrases."""
        return sum(len(phrase.sets) for phrase in self._phrases)

    def progress(self, met: frozenset[int], before: int, ids: Sequence[int]) -> tuple[frozenset[int], int]:
        """Return how far a text has come with what it must hold.

        Args:
            met: The phrases that it held before its last token.
            before: The token before the text.
            ids: The text.

        Returns:
            The phrases that it holds, by number, and the number of their tokens and of those of the best-begun phrase
            beside them that it ends with the beginning of.
        """
        met |= {
            number
            for number, phrase in enumerate(self._phrases)
            if number not in met and phrase.has_begun(len(phrase.sets), _context(phrase, before, ids))
        }
        begun = (self._begun(number, before, ids) for number in self._unmet(met))
        return met, sum(len(self._phrases[number].sets) for number in met) + max(begun, default=0)

    def held_by(self, before: int, ids: Sequence[int]) -> frozenset[int]:
        """Return the phrases that a complete text holds; its end closes one as what may stand after it does.

        Args:
            before: The token before the text.
            ids: The text, without what is not shown of it.
        """
        met: frozenset[int] = frozenset()
        for length in range(1, len(ids) + 1):
            met, _ = self.progress(met, before, ids[:length])
        return met | {number for number in self._unmet(met) if self._is_closed_by_end(number, before, ids)}

    def next_tokens(self, met: frozenset[int], before: int, ids: Sequence[int]) -> Iterator[frozenset[int]]:
        """Yield, for each phrase not met, the tokens that begin it, and those that go on with it if it is begun."""
        for number in self._unmet(met):
            sets = self._phrases[number].sets
            yield from {sets[0], sets[self._begun(number, before, ids)]}

    def missing(self, met: frozenset[int]) -> tuple[str, ...]:
        """Return the words that a text does not hold."""
        return tuple(self._words[number] for number in self._unmet(met))

    def _unmet(self, met: frozenset[int]) -> list[int]:
        return [number for number in range(len(self._phrases)) if number not in met]

    def _is_closed_by_end(self, number: int, before: int, ids: Sequence[int]) -> bool:
        phrase = self._phrases[number]
        return phrase.closed and phrase.has_begun(len(phrase.sets) - 1, _context(phrase, before, ids))

    def _begun(self, number: int, before: int, ids: Sequence[int]) -> int:
        """Return how many of a phrase's first tokens a text ends with, short of all."""
        phrase = self._phrases[number]
        context = _context(phrase, before, ids)
        return next(length for length in range(len(phrase.sets) - 1, -1, -1) if phrase.has_begun(length, context))


def _context(phrase: Phrase, before: int, ids: Sequence[int]) -> Sequence[int]:
    """Return what a phrase is looked for in: what stands before the text may open it, but is no part of it."""
    return (before, *ids) if phrase.opened else ids


def _phrase(speller: Speller, word: str) -> Phrase:
    found = speller.phrases(word)
    if not found:
        raise SettingError(
            f"a required word must be one that the vocabulary can spell, but {word!r} is not; require another, or one "
            "that differs in upper and lower case"
        )
    return found[0]


class ForbiddenWords:
    """Tokens that are never written, and phrases whose last token is not written after all the others.

    Args:
        ids: The tokens.
        phrases: The phrases.
    """

    def __init__(self, ids: Collection[int] = (), phrases: Iterable[Phrase] = ()) -> None:
        phrases = list(phrases)
        alone = [phrase.sets[0] for phrase in phrases if len(phrase.sets) == 1]
        self._always = frozenset(ids).union(*alone)
        self._phrases = [phrase for phrase in phrases if len(phrase.sets) > 1]

    @classmethod
    def of(cls, tokenizer: Tokenizer, words: Sequence[str], *, ids: Collection[int] = ()) -> Self:
        """Return what forbids words and phrases in every spelling that the vocabulary has, in upper or lower case.

        A word of which the vocabulary has no spelling cannot be written anyway.
        """
        if not words:
            return cls(ids)
        speller = Speller(tokenizer, any_case=True)
        return cls(ids, [phrase for word in words for phrase in speller.phrases(word)])

    def after(self, read: Sequence[int], *, is_last: bool) -> frozenset[int]:
        """Return the tokens that may not follow those read, of prompt and text.

        Args:
            read: What was read since the beginning of the text.
            is_last: Whether the text ends with the next token, so that nothing can make another word of its end.
        """
        found = self._always
        for phrase in self._phrases:
            lengths = {len(phrase.sets), len(phrase.sets) - (is_last and phrase.closed)}
            found = found.union(*(phrase.sets[n - 1] for n in lengths if phrase.has_begun(n - 1, read)))
        return found
