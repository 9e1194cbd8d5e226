"""The words that most often follow each word, by a bigram model of the training text."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.engine.mixture.kneser_ney import KneserNeyModel
from nextword.text.batching.window import TokenIds
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary

NUM_FOLLOWERS = 5
MAX_SHARE = 2**16 - 1


@dataclass(frozen=True, eq=False)
class BigramTable:
    """The `k` most probable words after each token."""

    words: NDArray[np.integer]  # id of the first token of each word `(V, k)`, the most probable word first
    # Probability of each word `(V, k)`, summed over its tokens with and without spaces.
    probabilities: NDArray[np.float64]

    @classmethod
    def fit(cls, ids: TokenIds, vocabulary: Vocabulary, k: int = NUM_FOLLOWERS) -> "BigramTable":
        """Return the table of a Kneser-Ney model of the ids of a text `(N,)`. `<unk>` and `<eos>` are no words."""
        model = KneserNeyModel.fit(ids, 2, vocabulary_size=len(vocabulary), end_id=vocabulary.end_id)
        singles, pairs = model.entries()
        words = _Words.of(vocabulary)
        own = np.bincount(words.word_of, singles.probabilities, minlength=words.num_words + 1)
        shares = pairs.probabilities - singles.weights[pairs.contexts] * singles.probabilities[pairs.tokens]
        k = min(k, words.num_words)
        # A word that never follows is among the best only if it is among the best of all words.
        frequent = np.argsort(-own[:-1], kind="stable")[:k]
        contexts = np.concatenate((pairs.contexts, np.repeat(np.arange(len(vocabulary)), k)))
        following = np.concatenate((words.word_of[pairs.tokens], np.tile(frequent, len(vocabulary))))
        added = np.concatenate((shares, np.zeros(len(vocabulary) * k)))
        keys, places = np.unique(contexts * (words.num_words + 1) + following, return_inverse=True)
        contexts, following = np.divmod(keys, words.num_words + 1)
        found = np.bincount(places, added) + singles.weights[contexts] * own[following]
        is_word = following < words.num_words
        return cls(*_best(contexts[is_word], following[is_word], found[is_word], words.first_tokens, k))

    @classmethod
    def of_words(cls, ids: TokenIds, tokenizer: Tokenizer) -> "BigramTable | None":
        """Return the table of a text for a tokenizer whose tokens are words; `None` for another tokenizer."""
        is_of_words = tokenizer.kind in ("word", "pretokenized")
        return cls.fit(ids, tokenizer.vocabulary) if is_of_words and len(ids) else None

    def shares(self) -> NDArray[np.uint16]:
        """Return the probabilities in steps of 1 / 65,535."""
        return np.rint(self.probabilities * MAX_SHARE).astype(np.uint16)


class _Words(NamedTuple):
    """The words of a vocabulary; tokens that differ only in spaces are one word."""

    word_of: NDArray[np.int64]  # the word of each token `(V,)`; the number of words for `<unk>` and `<eos>`
    first_tokens: NDArray[np.int64]  # the first token of each word
    num_words: int

    @classmethod
    def of(cls, vocabulary: Vocabulary) -> "_Words":
        numbers: dict[str, int] = {}
        first_tokens: list[int] = []
        word_of = np.zeros(len(vocabulary), np.int64)
        specials = (vocabulary.unknown_id, vocabulary.end_id)
        for token_id, token in enumerate(vocabulary.tokens):
            if token_id in specials:
                continue
            number = numbers.setdefault(token.strip(" ") or token, len(numbers))
            word_of[token_id] = number
            if number == len(first_tokens):
                first_tokens.append(token_id)
        word_of[list(specials)] = len(numbers)
        return cls(word_of, np.array(first_tokens, np.int64), len(numbers))


def _best(
    contexts: NDArray[np.int64],
    following: NDArray[np.int64],
    probabilities: NDArray[np.float64],
    first_tokens: NDArray[np.int64],
    k: int,
) -> tuple[NDArray[np.integer], NDArray[np.float64]]:
    """Return the first `k` of each context. Each context has at least `k`."""
    order = np.lexsort((following, -probabilities, contexts))
    begins = np.searchsorted(contexts[order], np.arange(contexts.max() + 1))
    places = order[begins[:, None] + np.arange(k)]
    return first_tokens[following[places]], probabilities[places]
