r"""What an unknown word costs: the probability of its spelling, given that the vocabulary lacks it.

A model with a closed vocabulary reads every unknown word as `<unk>`, so all of them look equally likely, a typing error
as much as a name. An open vocabulary is two models, one after the other:

$$p(w \mid \text{context}) = p(\texttt{<unk>} \mid \text{context}) \, p(\text{spelling of } w \mid \text{unknown}).$$

The second is an n-gram model over characters $c_1 \dots c_n$ with an end sign $c_{n+1}$. It is interpolated as Witten
and Bell do: with $N(h c)$ how often $c$ follows the characters $h$, and $h'$ one character shorter,

$$p(c \mid h) = \frac{N(h c) + B(h) \, p(c \mid h')}{\sum_c N(h c) + B(h)}.$$

$B(h)$ is the number of different $c$. Rare n-grams are left out, and their counts are added to $B(h)$. The shortest
context backs off to a uniform distribution over all characters of Unicode. So every spelling has a probability, and all
of them sum to 1, whatever the counts are. Words in the vocabulary cannot be unknown; their share is taken away.

Source: Witten and Bell (1991), "The Zero-Frequency Problem", in the form of Chen and Goodman (1999), section 2.6; the
two parts follow Mielke and Eisner (2019), "Spell Once, Summon Anywhere", https://arxiv.org/abs/1804.08205.
"""

import json
import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from heapq import nsmallest
from itertools import count
from typing import Any, NamedTuple, Self
from zlib import crc32

from nextword.errors import TextError
from nextword.system import strict_json

MAX_BYTES = 300_000
"""Most bytes of a spelling model on disk."""

FILE = "spelling.json"

_EDGE = "\n"  # the beginning of a word in a context, and its end as a character; no token holds one
_ORDER = 5
_NUM_CHARACTERS = 0x110000 - 0x800 + 1  # all characters of Unicode, without surrogates, and the end sign
_LONGEST = 40  # longer words are not counted: addresses, rows of marks

MAX_WORDS = 50_000
"""Most words that a model is fitted to."""

_MAX_KNOWN = 2**17  # largest vocabulary whose share of the spellings is taken away; larger ones would take minutes
_SHORT = 8  # how much more often the longest n-grams must occur than short ones, if all do not fit
_REMEMBERED = 2**18  # n-grams whose log-probabilities are remembered
_FORMAT = 1


class Followers(NamedTuple):
    """How often each character follows a context, and the weight of the shorter context $B(h)$."""

    counts: dict[str, int]
    backoff: int


@dataclass(frozen=True, eq=False)
class SpellingModel:
    """The probability of a word's spelling, given that the word is not in the vocabulary."""

    followers: Mapping[str, Followers]  # how often each character follows each context; `fit` counts them
    log_unknown: float = 0.0  # natural logarithm of the share of all spellings that are not in the vocabulary

    @classmethod
    def fit(cls, words: Iterable[str], known: Collection[str] = ()) -> Self:
        """Return the model of the words of a text, each counted once.

        Most words of a text are rare, so a model of all of them, each counted once, is a model of rare words. An n-gram
        of three characters or more must occur in two words, so no word can be read back from the model.
        """
        found = sample(words)
        counts = Counter(ngram for word in found if len(word) <= _LONGEST for ngram in _ngrams(f"{_EDGE}{word}{_EDGE}"))
        models = (cls(_by_context(counts, minimum)) for minimum in count(2))
        model = next(model for model in models if len(model.to_json()) <= MAX_BYTES)
        if len(known) > _MAX_KNOWN:
            return model
        # The empty spelling cannot occur either.
        share = math.fsum(math.exp(model.log_prob(word)) for word in {"", *known})
        return cls(model.followers, math.log1p(-share))

    def log_prob(self, word: str) -> float:
        r"""Return $\ln p(\text{spelling} \mid \text{unknown})$ of a word that is not in the vocabulary."""
        text = f"{_EDGE}{word}{_EDGE}"
        ngrams = [text[max(0, stop - _ORDER) : stop] for stop in range(2, len(text) + 1)]
        known = self._known.get
        return sum([known(ngram) or self._log_prob(ngram) for ngram in ngrams]) - self.log_unknown

    def _log_prob(self, ngram: str) -> float:
        """Return the log-probability of the last character after the others, and remember it."""
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        found = self._known[ngram] = math.log(self._probability(ngram))
        return found

    @cached_property
    def _known(self) -> dict[str, float]:
        return {}

    def _probability(self, ngram: str) -> float:
        character, probability = ngram[-1], 1 / _NUM_CHARACTERS
        for start in range(len(ngram) - 1, -1, -1):
            found = self._tables.get(ngram[start:-1])
            if found is None:
                break
            (counts, backoff), total = found
            probability = (counts.get(character, 0) + backoff * probability) / (total + backoff)
        return probability

    @cached_property
    def _tables(self) -> dict[str, tuple[Followers, int]]:
        return {context: (found, sum(found.counts.values())) for context, found in self.followers.items()}

    def to_json(self) -> bytes:
        """Return the model as JSON: for each context its characters in one string, their counts and the backoff."""
        table = {
            context: ["".join(counts), [*counts.values()], backoff]
            for context, (counts, backoff) in self.followers.items()
        }
        content = {"format": _FORMAT, "log_unknown": self.log_unknown, "followers": table}
        return json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8")

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read a model from a source that is not trusted.

        Raises:
            TextError: The file is too large or is not what `to_json` writes.
        """
        try:
            content = strict_json.parse(data, max_bytes=MAX_BYTES, max_depth=5)
            if not isinstance(content, dict) or content.keys() != {"format", "log_unknown", "followers"}:
                raise ValueError("must hold format, log_unknown and followers, and nothing else")
            if type(content["format"]) is not int or content["format"] != _FORMAT:
                raise ValueError(f"must be of format {_FORMAT}, but is of {content['format']!a:.40}")
            log_unknown = content["log_unknown"]
            if type(log_unknown) not in (int, float) or not -100 < log_unknown <= 0:
                raise ValueError(f"must have a `log_unknown` from -100 to 0, but has {log_unknown!a:.40}")
            if not isinstance(content["followers"], dict):
                raise ValueError("must give `followers` as an object")
            followers = {context: _followers(context, entry) for context, entry in content["followers"].items()}
        except ValueError as error:
            raise TextError(f"`{FILE}` {error}") from error
        return cls(followers, float(log_unknown))


def sample(words: Iterable[str]) -> set[str]:
    """Return at most `MAX_WORDS` of the words, the same ones in whatever order they come."""
    found = set(words)
    if len(found) <= MAX_WORDS:
        return found
    return set(nsmallest(MAX_WORDS, found, key=lambda word: (crc32(word.encode()), word)))


def _ngrams(text: str) -> Iterable[str]:
    """Return each character after the beginning with up to `_ORDER - 1` characters before it."""
    return (
        text[place - length : place + 1]
        for place in range(1, len(text))
        for length in range(min(place, _ORDER - 1) + 1)
    )


def _by_context(counts: Mapping[str, int], minimum: int) -> dict[str, Followers]:
    """Return the followers of each context, without the longest n-grams that are rarer than `minimum`."""
    short = minimum - _SHORT
    minimums = {1: short, 2: short, 3: max(2, short), 4: max(2, minimum - 1)}
    followers: dict[str, dict[str, int]] = {}
    backoffs: Counter[str] = Counter()
    for ngram in sorted(counts):
        context, number = ngram[:-1], counts[ngram]
        backoffs[context] += 1
        if number >= minimums.get(len(ngram), minimum):
            followers.setdefault(context, {})[ngram[-1]] = number
        else:
            backoffs[context] += number
    return {context: Followers(found, backoffs[context]) for context, found in followers.items()}


def _followers(context: str, entry: Any) -> Followers:
    match entry:
        case [str(characters), [*numbers], backoff] if len(context) < _ORDER and "\0" not in context + characters:
            are_counts = all(type(number) is int and 0 < number < 2**31 for number in (*numbers, backoff))
            if are_counts and 0 < len(characters) == len(set(characters)) == len(numbers):
                return Followers(dict(zip(characters, numbers, strict=True)), backoff)
    raise ValueError(f"must give characters and their counts for {context!a:.40}, but gives {entry!a:.40}")
