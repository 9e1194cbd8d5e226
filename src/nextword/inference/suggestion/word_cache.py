"""A cache for words outside the vocabulary, which predicts them in contexts similar to those of earlier uses."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.inference.suggestion.lexicon import PrefixIndex, folded, lexicon_of
from nextword.inference.suggestion.user_words import UserWords
from nextword.text.tokens.vocabulary import Vocabulary

BASE_WEIGHT = 0.01
"""Factor of a word's weight in contexts that are not similar to any of its uses."""


class WordUse(NamedTuple):
    """A use of a word outside the vocabulary."""

    word: str
    # Hidden state of the model before the word `(H,)`; `None` if the engine has none.
    hidden: NDArray[np.float32] | None


class _Uses(NamedTuple):
    """The uses in memory: word `(n,)`, hidden state `(n, H)`, its squared norm `(n,)`, whether it is known `(n,)`."""

    words: NDArray[np.intp]
    keys: NDArray[np.float32]
    squares: NDArray[np.float32]
    known: NDArray[np.bool_]

    @classmethod
    def of(cls, words: list[int], contexts: list[NDArray[np.float32] | None], hidden_size: int) -> "_Uses":
        zeros = np.zeros(hidden_size, np.float32)
        keys = np.stack([zeros if context is None else context for context in contexts])
        known = np.array([context is not None for context in contexts])
        return cls(np.array(words, np.intp), keys, np.einsum("nh,nh->n", keys, keys), known)


class WordCache:
    r"""A neural cache whose values are words, so it can predict words without an id.

    For each use $i$ of a word $w_i$, it keeps the hidden state $h_i$ before the word. For the current hidden state $h$
    and the total number of uses $c_w$, the weight of a word is

    $$s_w = \sum_i [w_i = w] \, \exp\left(-\theta \, d(h, h_i)\right) + 0.01 \ln(1 + c_w),
    \qquad d(h, h_i) = 1 - \frac{2 \, h^\top h_i}{|h|^2 + |h_i|^2} = \frac{|h - h_i|^2}{|h|^2 + |h_i|^2}.$$

    The paper uses a product of hidden states. A kernel over the relative distance keeps the weight small in different
    contexts: $s_w$ is about the number of uses of $w$ in this context. `mix_probabilities` computes probabilities.

    Args:
        words: User words from earlier texts.
        vocabulary: Vocabulary of the model; its words are not in the cache.
        theta: $\theta$.
        memory: Number of latest uses whose context is kept.
        uses: Uses in earlier texts, which the counts of `words` include.

    Source:
        Grave, Joulin and Usunier (2017), "Improving Neural Language Models with a Continuous Cache"; the kernel, and
        words outside the vocabulary: Grave, Cisse and Joulin (2017), "Unbounded cache model for online language
        modeling with open vocabulary".
    """

    def __init__(
        self,
        words: UserWords,
        vocabulary: Vocabulary,
        *,
        theta: float,
        memory: int,
        uses: Sequence[WordUse] = (),
    ) -> None:
        self._theta = theta
        self._memory = memory
        # The `W` distinct words, those from earlier texts first.
        self.words = [word for word in words if word not in vocabulary and not words.is_forgotten(word)]
        # Words of the vocabulary's lexicon that are not suggested.
        self.forgotten = lexicon_of(vocabulary).words_of(map(folded, words.forgotten))
        self._index_of = {word: index for index, word in enumerate(self.words)}
        self._counts = [words.count_of(word) for word in self.words]
        self._prefixes = PrefixIndex(map(folded, self.words))
        self._sorted = sorted(range(len(self.words)), key=lambda index: folded(self.words[index]))
        self._num_before = len(self.words)
        uses = [use for use in uses if use.word in self._index_of]
        self._uses = [self._index_of[use.word] for use in uses]
        self._contexts = [use.hidden for use in uses]
        self._latest: _Uses | None = None
        self.version = 0  # changes whenever the cache changes

    def learn(self, use: WordUse) -> None:
        """Add a use of a word."""
        word, hidden = use
        if word not in self._index_of:
            self._index_of[word] = len(self.words)
            self.words.append(word)
            self._counts.append(0)
        index = self._index_of[word]
        self._counts[index] += 1
        self._uses.append(index)
        self._contexts.append(hidden)
        self._latest = None
        self.version += 1

    def unlearn(self, num_uses: int) -> None:
        """Remove the latest uses."""
        for _ in range(num_uses):
            self._counts[self._uses.pop()] -= 1
            self._contexts.pop()
        self._latest = None
        self.version += 1
        while len(self.words) > self._num_before and not self._counts[-1]:
            del self._index_of[self.words.pop()], self._counts[-1]

    def weights(self, hidden: NDArray[np.float32] | None) -> NDArray[np.float64]:
        """Return the weight $s_w$ of each word `(W,)` for the current hidden state `(H,)`."""
        weights = BASE_WEIGHT * np.log1p(np.array(self._counts, np.float64))
        if hidden is None or not self._uses:
            return weights
        if self._latest is None:
            self._latest = _Uses.of(self._uses[-self._memory :], self._contexts[-self._memory :], len(hidden))
        squares = self._latest.squares + hidden @ hidden
        similarity = 2 * (self._latest.keys @ hidden) / np.maximum(squares, np.finfo(np.float32).tiny)
        kernel = self._latest.known * np.exp(self._theta * (similarity - 1).astype(np.float64))
        weights += np.bincount(self._latest.words, kernel, minlength=len(weights))
        return weights

    def beginning_with(self, prefix: str) -> list[int]:
        """Return the indices of the words that begin with a folded prefix, ignoring case."""
        before = self._sorted[self._prefixes.prefix_range(prefix)]
        typed = range(self._num_before, len(self.words))
        return before + [index for index in typed if folded(self.words[index]).startswith(prefix)]


def mix_probabilities(
    unknown: float, weights: NDArray[np.float64], *, weight: float
) -> tuple[float, NDArray[np.float64]]:
    r"""Mix the probabilities of the vocabulary with those of words outside it.

    With $S = \sum_w s_w$ and $\lambda$ = `weight` $\cdot S / (1 + S)$, a word of the vocabulary has the probability
    $(1 - \lambda) \, p(w)$. A word outside it has

    $$\frac{s_w}{S} \left(\lambda + (1 - \lambda) \, \frac{S}{1 + S} \, p(\text{<unk>})\right),$$

    which includes a part of the probability of `<unk>`. The rest of that is for words never seen. All probabilities
    sum to at most one.

    Args:
        unknown: $p(\text{<unk>})$.
        weights: $s_w$ `(W,)`.
        weight: Total probability of words outside the vocabulary in contexts similar to theirs.

    Returns:
        The factor $1 - \lambda$, and the probability of each word outside the vocabulary `(W,)`.
    """
    total = float(weights.sum())
    share = weight * total / (1 + total)
    outside = weights / (1 + total) * (weight + (1 - share) * unknown)
    return 1 - share, outside
