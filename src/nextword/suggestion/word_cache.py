"""Words outside the vocabulary, expected again where something like their context comes up."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.suggestion.lexicon import PrefixIndex
from nextword.suggestion.user_words import UserWords
from nextword.text.vocabulary import Vocabulary

FAMILIARITY = 0.01
"""What a word counts for having been used at all, in a context nothing like any of its own."""


class WordUse(NamedTuple):
    """A use of a word outside the vocabulary.

    Attributes:
        word: The word.
        hidden: What the model made of the text before it `(H,)`; `None` if it does not say.
    """

    word: str
    hidden: NDArray[np.float32] | None


class _Uses(NamedTuple):
    """The uses that keep their context: word `(n,)`, hidden state `(n, H)`, its square `(n,)`, whether there is one."""

    places: NDArray[np.intp]
    keys: NDArray[np.float32]
    squares: NDArray[np.float32]
    known: NDArray[np.bool_]

    @classmethod
    def of(cls, places: list[int], contexts: list[NDArray[np.float32] | None], hidden_size: int) -> "_Uses":
        nothing = np.zeros(hidden_size, np.float32)
        keys = np.stack([nothing if context is None else context for context in contexts])
        known = np.array([context is not None for context in contexts])
        return cls(np.array(places, np.intp), keys, np.einsum("nh,nh->n", keys, keys), known)


class WordCache:
    r"""The neural cache, with words for values: the only way to expect one that has no id.

    For each time $i$ that a word $w_i$ was used, the hidden state $h_i$ before it is kept. With $h$ the hidden state
    now, and $c_w$ how often $w$ was used at all,

    $$s_w = \sum_i [w_i = w] \, \exp\left(-\theta \, d(h, h_i)\right) + 0.01 \ln(1 + c_w),
    \qquad d(h, h_i) = 1 - \frac{2 \, h^\top h_i}{|h|^2 + |h_i|^2} = \frac{|h - h_i|^2}{|h|^2 + |h_i|^2}.$$

    A kernel over the relative distance, rather than the paper's product, leaves words at rest where nothing like their
    context comes up: $s_w$ is about the number of times that $w$ was used in this very context. `mixed` makes
    probabilities of it.

    Args:
        words: What a person used before.
        vocabulary: Words that the model knows are none of ours.
        theta: $\theta$.
        memory: How many uses keep their context, the latest.
        uses: Uses that `words` has counted already, in texts before this one.

    Attributes:
        words: The distinct words `W`, those known before first.
        version: Another number whenever the cache has changed.

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
        self.words = [word for word in words if word not in vocabulary]
        self._places = {word: place for place, word in enumerate(self.words)}
        self._counts = [words.count_of(word) for word in self.words]
        self._index = PrefixIndex(word.casefold() for word in self.words)
        self._by_index = sorted(range(len(self.words)), key=lambda place: self.words[place].casefold())
        self._num_before = len(self.words)
        uses = [use for use in uses if use.word in self._places]
        self._uses = [self._places[use.word] for use in uses]
        self._contexts = [use.hidden for use in uses]
        self._latest: _Uses | None = None
        self.version = 0

    def learn(self, use: WordUse) -> None:
        """Remember a use of a word."""
        word, hidden = use
        if word not in self._places:
            self._places[word] = len(self.words)
            self.words.append(word)
            self._counts.append(0)
        place = self._places[word]
        self._counts[place] += 1
        self._uses.append(place)
        self._contexts.append(hidden)
        self._latest = None
        self.version += 1

    def unlearn(self, num_uses: int) -> None:
        """Take back the latest uses."""
        for _ in range(num_uses):
            self._counts[self._uses.pop()] -= 1
            self._contexts.pop()
        self._latest = None
        self.version += 1
        while len(self.words) > self._num_before and not self._counts[-1]:
            del self._places[self.words.pop()], self._counts[-1]

    def weights(self, hidden: NDArray[np.float32] | None) -> NDArray[np.float64]:
        """Return $s_w$ of each word `(W,)`, where the model makes `hidden` `(H,)` of the text so far."""
        weights = FAMILIARITY * np.log1p(np.array(self._counts, np.float64))
        if hidden is None or not self._uses:
            return weights
        if self._latest is None:
            self._latest = _Uses.of(self._uses[-self._memory :], self._contexts[-self._memory :], len(hidden))
        squares = self._latest.squares + hidden @ hidden
        similarity = 2 * (self._latest.keys @ hidden) / np.maximum(squares, np.finfo(np.float32).tiny)
        kernel = self._latest.known * np.exp(self._theta * (similarity - 1).astype(np.float64))
        weights += np.bincount(self._latest.places, kernel, minlength=len(weights))
        return weights

    def beginning_with(self, folded: str) -> list[int]:
        """Return the places of the words that begin with a prefix, case folded away in both."""
        before = self._by_index[self._index.range_of(folded)]
        typed = range(self._num_before, len(self.words))
        return before + [place for place in typed if self.words[place].casefold().startswith(folded)]


def mixed(unknown: float, weights: NDArray[np.float64], *, weight: float) -> tuple[float, NDArray[np.float64]]:
    r"""Return what becomes of probabilities where words outside the vocabulary take part.

    With $S = \sum_w s_w$ and $\lambda$ = `weight` $\cdot S / (1 + S)$, a word of the vocabulary has
    $(1 - \lambda) \, p(w)$, and one outside it

    $$\frac{s_w}{S} \left(\lambda + (1 - \lambda) \, \frac{S}{1 + S} \, p(\text{<unk>})\right),$$

    a share of what the model gives to `<unk>`, which is the word that it cannot name; the rest of that is for words
    never seen. All together sum to at most one.

    Args:
        unknown: $p(\text{<unk>})$.
        weights: $s_w$ `(W,)`.
        weight: How much of the whole goes to words outside the vocabulary where their context is familiar.

    Returns:
        The factor $1 - \lambda$, and the probability of each word outside the vocabulary `(W,)`.

    Example:
        >>> factor, outside = mixed(0.2, np.array([0.75, 0.25]), weight=0.1)
        >>> round(factor, 3), outside.round(4).tolist()
        (0.95, [0.1088, 0.0363])
    """
    total = float(weights.sum())
    share = weight * total / (1 + total)
    outside = weights / (1 + total) * (weight + (1 - share) * unknown)
    return 1 - share, outside
