"""Next words and completions for tokenizers whose tokens are words."""

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from nextword.inference.highest import highest_positive
from nextword.inference.suggestion.lexicon import Lexicon, capitalized, folded, in_case_of
from nextword.inference.suggestion.reader import NodePrediction
from nextword.inference.suggestion.suggestion import SessionOptions
from nextword.inference.suggestion.word_cache import WordCache, mix_probabilities

Candidates = list[tuple[str, float]]
"""Words, with their probabilities."""


class WordCandidates:
    """The possible words after one text, in the vocabulary and outside it.

    It is of one state of the cache: create a new object if that changes.
    """

    def __init__(self, prediction: NodePrediction, lexicon: Lexicon, cache: WordCache, options: SessionOptions) -> None:
        probabilities = np.exp(prediction.log_probs.astype(np.float64))
        unknown = float(probabilities[lexicon.unknown_id])
        weights = cache.weights(prediction.hidden)
        factor, self._outside = mix_probabilities(unknown, weights, weight=options.user_word_weight)  # (W,)
        self._known = factor * lexicon.printable * lexicon.word_probabilities(probabilities)  # (G,)
        self._known[cache.forgotten] = 0
        self._lexicon = lexicon
        self._cache = cache
        self._options = options

    def next_words(self, k: int) -> Candidates:
        """Return the `k` most probable next words and their probabilities."""
        values = np.concatenate((self._known, self._outside))
        best = highest_positive(values, k).tolist()
        return [(self._word(index), float(values[index])) for index in best]

    def sentence_beginnings(self, k: int) -> Candidates:
        """Return the `k` most probable words, capitalized; words that differ only in case are merged."""
        outside = self._outside_words(highest_positive(self._outside, k).tolist())
        best = _Spellings(self._lexicon, "", self._known, outside, case_weight=1.0)
        return [(capitalized(word), value) for word, value in best.most_probable(k)]

    def completions(self, prefix: str, k: int) -> Candidates:
        """Return the `k` most probable words that begin with `prefix`, with their probabilities among all such words.

        Case is ignored, but words with a different case than `prefix` are weighted by `case_weight`. Words that differ
        only in case are merged and displayed in the case of `prefix` if one of them has it.
        """
        outside = self._outside_words(self._cache.beginning_with(folded(prefix)))
        weight = self._options.case_weight
        spellings = _Spellings(self._lexicon, prefix, self._known, outside, case_weight=weight)
        total = spellings.total
        found = [(word, value / total) for word, value in spellings.most_probable(k)]
        return [(in_case_of(prefix, word), value) for word, value in found] if self._options.restore_case else found

    def _word(self, index: int) -> str:
        words = self._lexicon.words
        return words[index] if index < len(words) else self._cache.words[index - len(words)]

    def _outside_words(self, indices: Iterable[int]) -> dict[str, float]:
        return {self._cache.words[index]: float(self._outside[index]) for index in indices if self._outside[index] > 0}


class _Spellings:
    """The `F` case-folded spellings that begin with a prefix, and the words of each; only these words are looked at.

    `known` has the probability of each word of the vocabulary `(G,)`, for all prefixes.
    """

    def __init__(
        self,
        lexicon: Lexicon,
        prefix: str,
        known: NDArray[np.float64],
        outside: dict[str, float],
        *,
        case_weight: float,
    ) -> None:
        self._lexicon = lexicon
        self._prefix = prefix
        self._range = lexicon.spellings.prefix_range(folded(prefix))
        self._places = lexicon.places_of(self._range)
        self._words = lexicon.by_spelling[self._places]
        self._known = case_weight * known[self._words]
        exact = lexicon.beginning_with(prefix)
        self._known[exact - self._places.start] = known[lexicon.by_spelling[exact]]
        self._outside: defaultdict[str, dict[str, float]] = defaultdict(dict)
        for word, value in outside.items():
            self._outside[folded(word)][word] = value if word.startswith(prefix) else case_weight * value
        self._only_outside: list[str] = []
        self._values = self._sum_words()
        self.total = float(self._values.sum())

    def most_probable(self, k: int) -> Candidates:
        """Return a word for each of the `k` best spellings, and the weight of the spelling."""
        best = highest_positive(self._values, k).tolist()
        return [(self._best_word(index), float(self._values[index])) for index in best]

    def _sum_words(self) -> NDArray[np.float64]:
        """Return the weight of each spelling: spellings of the vocabulary first, then all others."""
        lexicon, first = self._lexicon, self._range.start
        of_word = lexicon.spelling_of[self._words] - first
        totals = np.bincount(of_word, self._known, minlength=self._range.stop - first)
        values = []
        for spelling, words in self._outside.items():
            same = lexicon.spellings.exact_range(spelling)
            if same.start < same.stop:
                totals[same.start - first] += sum(words.values())
            else:
                self._only_outside.append(spelling)
                values.append(sum(words.values()))
        return np.concatenate((totals, values))

    def _best_word(self, index: int) -> str:
        """Return the most probable word of a spelling, preferably in the case of the prefix."""
        num_known = len(self._values) - len(self._only_outside)
        if index >= num_known:
            words = self._outside[self._only_outside[index - num_known]]
        else:
            lexicon, spelling = self._lexicon, self._range.start + index
            places = lexicon.places_of(slice(spelling, spelling + 1))
            first = self._places.start
            words = {
                lexicon.words[lexicon.by_spelling[place]]: float(self._known[place - first])
                for place in range(places.start, places.stop)
            }
            words |= self._outside.get(lexicon.spellings.strings[spelling], {})
        return max(words, key=lambda word: (word.startswith(self._prefix) and words[word] > 0, words[word]))
