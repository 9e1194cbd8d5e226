r"""Finds surprising lines, and the surprising words in them.

The surprisal of a token is $-\log_2 p(w_i \mid w_0 \dots w_{i-1})$, in bits. The surprisal of a line is the mean, the
maximum or the sum over its tokens. The measure `excess` compares each token with how rare it is by itself: rare words
in their place are no errors, and frequent words out of place are. A context usually saves 3.3 bits, so ordinary lines
have an excess near 0. The divisor has three tokens more, so that a heading of one word does not come first:

$$\text{excess} = \frac{1}{N + 3} \sum_i \bigl(-\log_2 p(w_i \mid w_0 \dots w_{i-1}) - b(w_i) + 3.3\bigr)$$

$b(w)$ follows from Zipf's law and the rank $r$ of the word in the vocabulary, which is sorted by frequency:
$2^{-b(w)} \propto 1 / (r + 2.7)$. It is 24 bits for an unknown word.

One error in a long sentence hardly changes this mean. So a sixth of the highest sum over three successive words counts
if it is more. Here an unknown word that is one edit away from a known one, such as "thhee", counts as an error: its
$b$ is that of the known word and 8 bits for the edit. Other unknown words, most of them names, count as usual.

An unknown word that a text has elsewhere too, such as a name, is no typing error. So its spelling costs at most what
its share of all unknown words of the text costs.
"""

import heapq
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from nextword.engine.text_model import TextModel
from nextword.inference.scoring.lines import DEFAULT_OPTIONS, LineScore, ScoringOptions, score_lines
from nextword.inference.scoring.prose import ShownLine, read_lines_of_prose, score_prose
from nextword.settings import require_at_least, require_one_of, require_several
from nextword.system.strict_json import finite
from nextword.text.tokens.tokenizer import Tokenizer

Measure = Literal["excess", "mean", "max", "sum"]
"""How the surprisal of a line is computed from its tokens."""

_NUM_WORDS = 5

_UNKNOWN_BITS = 24.0
"""How rare an unknown word is by itself: rarer than all words of a vocabulary."""

_ZIPF_SHIFT = 2.7
_USUAL_GAIN = 3.3
"""How many bits a context usually saves."""

_MORE_TOKENS = 3

_EDIT_BITS = 8.0
"""What one of a few hundred possible typing errors costs."""

_SHORTEST = 4
"""Shorter words are one edit away from too many others."""

_PLACE, _PLACE_WEIGHT = 3, 1 / 6
"""Words of an odd place, and its weight next to the mean: of planted errors, most come first with these."""

_MAX_REMEMBERED = 2**16
"""Of how many unknown words the known word next to them is remembered."""

_POOL = 50
"""How many times as many lines are kept as asked for, until all unknown words are counted."""


@dataclass(frozen=True)
class SurprisingToken:
    """A surprising token.

    Attributes:
        token: The token as text, without control characters.
        bits: Its surprisal.
        position: Its position in the line, from 1.
        is_known: Whether it is in the vocabulary.

    Example:
        >>> import nextword
        >>> (line,) = nextword.load("austen").surprising_lines(["She was here table."], k=1)
        >>> line.tokens[0].token, line.tokens[0].is_known
        ('table', True)
    """

    token: str
    bits: float
    position: int
    is_known: bool


@dataclass(frozen=True)
class SurprisingLine:
    """A surprising line, or a surprising sentence of prose.

    Attributes:
        number: Number of the line, or of the line in which the sentence begins, from 1.
        text: The line or sentence.
        bits: Its surprisal by the selected measure.
        num_tokens: Number of tokens.
        tokens: Its most surprising tokens, the most surprising first.

    Example:
        >>> import nextword
        >>> lines = ["She was here.", "Table of is."]
        >>> found = nextword.load("austen").surprising_lines(lines, k=1)[0]
        >>> found.number, found.text
        (2, 'Table of is.')
    """

    number: int
    text: str
    bits: float
    num_tokens: int
    tokens: tuple[SurprisingToken, ...]

    def to_table(self) -> dict[str, Any]:
        """Return the values for JSON; infinite values are `None`."""
        tokens = [vars(token) | {"bits": finite(token.bits)} for token in self.tokens]
        return vars(self) | {"bits": finite(self.bits), "tokens": tokens}


def surprising_lines(
    model: TextModel,
    lines: Iterable[str],
    *,
    measure: Measure = "excess",
    threshold: float = 0.0,
    num_words: int = _NUM_WORDS,
    options: ScoringOptions = DEFAULT_OPTIONS,
) -> Iterator[SurprisingLine]:
    """Yield the lines with a surprisal of at least `threshold` bits, in order.

    If the model reads paragraphs and the lines are prose, with blank lines between paragraphs, the sentences are
    measured instead, wherever their lines end. Blank lines are skipped.

    The measure is the excess of a line or of its oddest place, or the mean, the maximum or the sum over its tokens.
    """
    require_at_least("num_words", num_words, 0)
    measured = _Measured(model.tokenizer, measure, num_words)
    found = (measured.line(score, measured.count(score)) for score in _scored(model, lines, options))
    return (line for line in found if line.bits >= threshold)


def most_surprising_lines(
    model: TextModel,
    lines: Iterable[str],
    k: int = 10,
    *,
    measure: Measure = "excess",
    threshold: float = -math.inf,
    num_words: int = _NUM_WORDS,
    options: ScoringOptions = DEFAULT_OPTIONS,
) -> list[SurprisingLine]:
    """Return the `k` most surprising lines, the most surprising first, with about `50 k` lines in memory.

    The other arguments are those of `surprising_lines`. Of lines with equal surprisal, the earlier comes first.
    """
    require_several("lines", lines)
    require_at_least("k", k, 1)
    require_at_least("num_words", num_words, 0)
    measured = _Measured(model.tokenizer, measure, num_words)
    pool: list[tuple[float, int, LineScore]] = []  # a heap, the least surprising first; of ties the latest
    for place, score in enumerate(_scored(model, lines, options)):
        measured.count(score)
        entry = (measured.bits(score.bits, score), -place, score)  # at least what it will be
        if len(pool) < _POOL * k:
            heapq.heappush(pool, entry)
        else:
            heapq.heappushpop(pool, entry)
    found = [(measured.line(score, measured.counts), -place) for _, place, score in pool]
    best = heapq.nsmallest(k, found, key=lambda each: (-each[0].bits, each[1]))
    return [line for line, _ in best if line.bits >= threshold]


def _scored(model: TextModel, lines: Iterable[str], options: ScoringOptions) -> Iterator[LineScore]:
    """Yield the scores of the sentences of prose, or of lines that are not blank."""
    lines, are_prose = read_lines_of_prose(model.tokenizer, lines)
    score = score_prose if are_prose else score_lines
    scores: Iterable[LineScore] = score(model, lines, options, ranks=False)
    return (score for score in scores if score.num_tokens and score.text.strip())


class _Measured:
    """Measures lines; `counts` says how often each unknown word was seen."""

    def __init__(self, tokenizer: Tokenizer, measure: Measure, num_words: int) -> None:
        require_one_of("measure", measure, get_args(Measure))
        self.counts: Counter[str] = Counter()
        self._tokenizer = tokenizer
        self._measure = measure
        self._num_words = num_words
        ranks = np.arange(tokenizer.vocabulary_size)
        self._own_bits = np.log2(ranks + _ZIPF_SHIFT) + math.log2(float((1 / (ranks + _ZIPF_SHIFT)).sum()))
        self._near: Callable[[str], int | None] | None = None
        if tokenizer.kind in ("word", "pretokenized"):
            self._near = lru_cache(_MAX_REMEMBERED)(_KnownWords(tokenizer).rank_of_near)

    def count(self, score: LineScore) -> Counter[str]:
        """Count the unknown words of a line, and return all counts so far."""
        if score.num_out_of_vocabulary:
            self.counts.update(self._unknown(score))
        return self.counts

    def bits(self, by_token: NDArray[np.float64], score: LineScore) -> float:
        """Return the measure of a line from the surprisal of each of its tokens `(N,)`."""
        if self._measure == "excess":
            own = np.where(score.out_of_vocabulary, _UNKNOWN_BITS, self._own_bits[score.ids])
            excess = by_token - own + _USUAL_GAIN
            mean = float(excess.sum()) / (len(own) + _MORE_TOKENS)
            return mean if self._near is None else max(mean, self._of_odd_place(excess, score, self._near))
        return float(getattr(by_token, self._measure)())

    def _of_odd_place(
        self, excess: NDArray[np.float64], score: LineScore, rank_of_near: Callable[[str], int | None]
    ) -> float:
        """Return the excess of the oddest three successive words, in which typing errors are no unknown words."""
        if score.num_out_of_vocabulary:
            for index, word in zip(np.flatnonzero(score.out_of_vocabulary), self._unknown(score), strict=True):
                rank = rank_of_near(word)
                error = -math.inf if rank is None else _UNKNOWN_BITS - self._own_bits[rank] - _EDIT_BITS
                excess[index] = max(0.0, excess[index] + error)
        return float(np.convolve(excess, np.ones(_PLACE)).max()) * _PLACE_WEIGHT

    def line(self, score: LineScore, counts: Counter[str]) -> SurprisingLine:
        """Return the measured line, whose unknown words cost less if they were counted elsewhere."""
        by_token = score.bits
        if score.num_out_of_vocabulary:
            own, total = Counter(self._unknown(score)), counts.total()
            for place, word in zip(np.flatnonzero(score.out_of_vocabulary), self._unknown(score), strict=True):
                if others := counts[word] - own[word]:
                    spelling = -score.spelling_log_probs[place] / math.log(2)
                    by_token[place] -= max(0.0, spelling + math.log2(others / total))
        shown = self._shown(score)
        tokens = tuple(
            SurprisingToken(shown[index], float(by_token[index]), index + 1, not score.out_of_vocabulary[index])
            for index in np.argsort(-by_token, kind="stable")[: self._num_words].tolist()
        )
        return SurprisingLine(score.number, score.text, self.bits(by_token, score), score.num_tokens, tokens)

    def _unknown(self, score: LineScore) -> list[str]:
        shown = self._shown(score)
        return [shown[place] for place in np.flatnonzero(score.out_of_vocabulary)]

    def _shown(self, score: LineScore) -> tuple[str, ...]:
        return score.tokens if isinstance(score, ShownLine) else ShownLine.of(score, self._tokenizer).tokens


class _KnownWords:
    """Finds the known word of which an unknown one is a typing error."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        tokens = enumerate(tokenizer.vocabulary.tokens)
        self._ranks = {token: rank for rank, token in tokens if len(token) >= _SHORTEST - 1}
        self._letters = sorted({letter for token in self._ranks for letter in token if letter.islower()})

    def rank_of_near(self, word: str) -> int | None:
        """Return the rank of the most frequent word that is one edit away; none for short words, names and plurals."""
        if len(word) < _SHORTEST or not word[0].islower():
            return None
        cuts = [(word[:place], word[place:]) for place in range(len(word) + 1)]
        near = {before + after[1:] for before, after in cuts}
        near |= {before + after[1::-1] + after[2:] for before, after in cuts}
        for before, after in cuts:
            near.update(before + letter + rest for letter in self._letters for rest in (after, after[1:]))
        near -= {word + "s", word.removesuffix("s")}
        return min((self._ranks[each] for each in near if each in self._ranks), default=None)
