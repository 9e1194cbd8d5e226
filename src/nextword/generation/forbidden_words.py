"""What may not be written."""

from collections.abc import Collection, Iterable, Sequence
from typing import Self

from nextword.generation.phrase import Phrase
from nextword.generation.speller import Speller
from nextword.text.tokenizer import Tokenizer


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
