"""Which words may come next, or end the one being typed, if a token is a word."""

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from nextword.suggestion.letter_case import capitalized, in_case_of
from nextword.suggestion.lexicon import Lexicon, top_k
from nextword.suggestion.session_options import SessionOptions
from nextword.suggestion.state_tree import Prediction
from nextword.suggestion.word_cache import WordCache, mixed

Candidates = list[tuple[str, float]]
"""Words, with their probabilities."""


class WordCandidates:
    """The words that may follow one text, those of the vocabulary and those outside it, to be asked at every key.

    Args:
        prediction: What the engine makes of the text.
        lexicon: The words of the vocabulary.
        cache: The words outside it; to be asked again once it has changed.
        options: How the two are mixed, and what case counts for.
    """

    def __init__(self, prediction: Prediction, lexicon: Lexicon, cache: WordCache, options: SessionOptions) -> None:
        probabilities = np.exp(prediction.log_probs.astype(np.float64))
        unknown = float(probabilities[lexicon.unknown_id])
        factor, self._outside = mixed(
            unknown, cache.weights(prediction.hidden), weight=options.user_word_weight
        )  # (W,)
        self._known = factor * lexicon.printable * lexicon.word_probabilities(probabilities)  # (G,)
        self._lexicon = lexicon
        self._cache = cache
        self._options = options

    def next_words(self, k: int) -> Candidates:
        """Return the `k` most probable words, with the probability that each comes next."""
        values = np.concatenate((self._known, self._outside))
        best = top_k(values, k).tolist()
        return [(self._word(place), float(values[place])) for place in best]

    def sentence_beginnings(self, k: int) -> Candidates:
        """Return the `k` most probable words, each with a capital; words that differ in case alone are one."""
        best = _Spellings(self._lexicon, "", self._known, self._outside_words(top_k(self._outside, k).tolist()))
        return [(capitalized(word), value) for word, value in best.most_probable("", k)]

    def completions(self, prefix: str, k: int) -> Candidates:
        """Return the `k` most probable words that begin with `prefix`, each with its probability among all such words.

        Case is folded away, but a word whose case is not that of `prefix` counts `case_weight` as much. Words that
        differ in case alone are one, shown in the case that was typed if there is one that has it.
        """
        known = self._options.case_weight * self._known
        exact = self._lexicon.beginning_with(prefix)
        known[exact] = self._known[exact]
        outside = {
            word: value if word.startswith(prefix) else self._options.case_weight * value
            for word, value in self._outside_words(self._cache.beginning_with(prefix.casefold())).items()
        }
        spellings = _Spellings(self._lexicon, prefix, known, outside)
        total = spellings.total
        found = [(word, value / total) for word, value in spellings.most_probable(prefix, k)]
        return [(in_case_of(prefix, word), value) for word, value in found] if self._options.restore_case else found

    def _word(self, place: int) -> str:
        words = self._lexicon.words
        return words[place] if place < len(words) else self._cache.words[place - len(words)]

    def _outside_words(self, places: Iterable[int]) -> dict[str, float]:
        return {self._cache.words[place]: float(self._outside[place]) for place in places if self._outside[place] > 0}


class _Spellings:
    """The spellings that begin with a prefix, and the words of each, for what these count.

    Args:
        lexicon: The words of the vocabulary.
        prefix: The prefix.
        known: What each word of the vocabulary counts `(G,)`, whatever it begins with.
        outside: What each word outside it counts, of those that begin so.
    """

    def __init__(self, lexicon: Lexicon, prefix: str, known: NDArray[np.float64], outside: dict[str, float]) -> None:
        self._lexicon = lexicon
        self._known = known
        self._range = lexicon.spellings.range_of(prefix.casefold())
        self._outside: defaultdict[str, dict[str, float]] = defaultdict(dict)
        for word, value in outside.items():
            self._outside[word.casefold()][word] = value
        self._own: list[str] = []
        self._values = self._added_up()
        self.total = float(self._values.sum())

    def most_probable(self, prefix: str, k: int) -> Candidates:
        """Return a word of each of the `k` best spellings, and what the spelling counts."""
        best = top_k(self._values, k).tolist()
        return [(self._best_word(place, prefix), float(self._values[place])) for place in best]

    def _added_up(self) -> NDArray[np.float64]:
        """Return what each spelling counts: those of the vocabulary that begin so, then those of no word in it."""
        lexicon, first = self._lexicon, self._range.start
        totals = np.bincount(lexicon.spelling_of, self._known, minlength=len(lexicon.spellings.strings))[self._range]
        values = []
        for spelling, words in self._outside.items():
            same = lexicon.spellings.places_of(spelling)
            if same.start < same.stop:
                totals[same.start - first] += sum(words.values())
            else:
                self._own.append(spelling)
                values.append(sum(words.values()))
        return np.concatenate((totals, values))

    def _best_word(self, place: int, prefix: str) -> str:
        """Return the word that stands for a spelling: in the case of the prefix if any is, and the most probable."""
        num_known = len(self._values) - len(self._own)
        if place >= num_known:
            words = self._outside[self._own[place - num_known]]
        else:
            spelling = self._range.start + place
            words = {self._lexicon.words[word]: float(self._known[word]) for word in self._lexicon.spelled(spelling)}
            words |= self._outside.get(self._lexicon.spellings.strings[spelling], {})
        return max(words, key=lambda word: (word.startswith(prefix) and words[word] > 0, words[word]))
