"""Words spelled out of tokens that are less than a word: characters, or pieces of words."""

from collections import defaultdict
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.engine.engine import Engine, State
from nextword.suggestion.lexicon import PrefixIndex
from nextword.text.options import TokenizerKind
from nextword.text.pieces import APOSTROPHES, is_word_character
from nextword.text.vocabulary import Vocabulary

SPELLED: frozenset[TokenizerKind] = frozenset(["subword", "character"])
"""The tokenizers whose tokens are less than a word."""


class Compatible(NamedTuple):
    """The tokens that may come next while some letters are typed already.

    Attributes:
        reaching: Those that hold all the letters, and maybe more.
        within: Those that are a part of the letters, the beginning.
    """

    reaching: NDArray[np.intp]
    within: NDArray[np.intp]


class WordParts:
    """What the tokens of a vocabulary do to a word: go on with it, or end it.

    Args:
        vocabulary: Characters or subwords, each of which adds its own characters to the text. What `<unk>` adds
            is not known; it neither goes on with a word nor ends one.
        kind: To subwords, a space is the first character of the word after it, and not the end of the one before alone.

    Attributes:
        texts: What each token adds to the text `(V,)`.
        going_on: The tokens that go on with a word.
        ending: The tokens after which a word before them is over.
    """

    def __init__(self, vocabulary: Vocabulary, kind: TokenizerKind = "character") -> None:
        texts = self.texts = vocabulary.tokens
        is_part = np.array([_is_part(text.removeprefix(" ")) or (kind == "subword" and text == " ") for text in texts])
        is_part[[vocabulary.unknown_id, vocabulary.end_id]] = False
        begins_word = np.array([text.startswith(" ") for text in texts])
        self.going_on = np.flatnonzero(is_part & ~begins_word)
        is_ending = ~is_part | begins_word
        is_ending[vocabulary.unknown_id] = False
        self.ending = np.flatnonzero(is_ending)
        parts = sorted(np.flatnonzero(is_part).tolist(), key=lambda token_id: texts[token_id])
        self._exact = PrefixIndex(texts[token_id] for token_id in parts)
        self._ids = np.array(parts, np.intp)
        folded = sorted(parts, key=lambda token_id: texts[token_id].casefold())
        self._folded = PrefixIndex(texts[token_id].casefold() for token_id in folded)
        self._folded_ids = np.array(folded, np.intp)

    def compatible(self, rest: str) -> Compatible:
        """Return the tokens that may come next where `rest` is typed; whatever their case, if none has that of `rest`.

        A token that is `rest` itself reaches its end.
        """
        exact = _search(self._exact, self._ids, rest)
        if exact.reaching.size or exact.within.size:
            return exact
        return _search(self._folded, self._folded_ids, rest.casefold())


@dataclass(frozen=True)
class Beam:
    """How far a search goes.

    Attributes:
        width: How many beginnings of words are followed at once.
        max_length: Most tokens that are added to what is read.
    """

    width: int = 8
    max_length: int = 24


DEFAULT_BEAM = Beam()


class _Beginning(NamedTuple):
    """A word in the making.

    Attributes:
        probability: Of all its tokens.
        word: Its letters.
        rest: Letters that are typed, and that its tokens do not reach yet.
        row: The row of the state before its last token.
        token_id: That token; -1 before the first.
    """

    probability: float
    word: str
    rest: str
    row: int
    token_id: int


def spell(
    engine: Engine,
    after: tuple[NDArray[np.float32], State],
    word_parts: WordParts,
    typed: tuple[str, str],
    k: int,
    beam: Beam = DEFAULT_BEAM,
) -> list[tuple[str, float]]:
    r"""Return the `k` most probable words that a beam search finds, with their probabilities.

    A word is over where a token follows that is not part of one: $p(w) = \sum_{u} p(u) \sum_{v \text{ ends}} p(v | u)$
    over the ways $u$ to spell it, given that what is typed is the beginning of it.

    Args:
        engine: What reads; a level of the search is one step of a batch.
        after: The log-probabilities `(V,)` and the state, of a batch of one, after what is read.
        word_parts: What the tokens do.
        typed: The letters of the word that are read already, and those that are not.
        k: How many words to return.
        beam: How far to search.
    """
    word, rest = typed
    level, rows, state = [_Beginning(1.0, word, rest, 0, -1)], after[0][None], after[1]
    found: defaultdict[str, float] = defaultdict(float)
    reached = 0.0 if rest else 1.0
    for num_tokens in range(beam.max_length + 1):
        probabilities = np.exp(rows.astype(np.float64))
        following: list[_Beginning] = []
        for row, beginning in enumerate(level):
            if not beginning.rest and _is_whole(beginning.word):
                found[beginning.word] += beginning.probability * float(probabilities[row, word_parts.ending].sum())
            if beginning.rest:
                reaching = word_parts.compatible(beginning.rest).reaching
                reached += beginning.probability * float(probabilities[row, reaching].sum())
            following += _following(beginning, probabilities[row], row, word_parts, beam.width)
        level = sorted(following, key=lambda each: -each.probability)[: beam.width]
        if not level or num_tokens == beam.max_length or _is_settled(found, level, k):
            break
        state = engine.select(state, np.array([each.row for each in level], np.intp))
        rows, state = engine.step(np.array([each.token_id for each in level], np.int32), state)
    best = sorted(found.items(), key=lambda item: (-item[1], item[0]))[:k]
    return [(word.strip(" "), probability / reached) for word, probability in best if probability > 0]


def _following(
    beginning: _Beginning, probabilities: NDArray[np.float64], row: int, word_parts: WordParts, width: int
) -> list[_Beginning]:
    """Return the `width` most probable ways to go on with a word by one token."""
    allowed = np.concatenate(word_parts.compatible(beginning.rest)) if beginning.rest else word_parts.going_on
    best = allowed[np.argsort(-probabilities[allowed], kind="stable")[:width]].tolist()
    return [
        _Beginning(
            beginning.probability * float(probabilities[token_id]),
            beginning.word + word_parts.texts[token_id],
            _without(beginning.rest, word_parts.texts[token_id]),
            row,
            token_id,
        )
        for token_id in best
    ]


def _is_settled(found: dict[str, float], level: list[_Beginning], k: int) -> bool:
    """Return whether no word that is still being spelled can be among the `k` best."""
    return len(found) >= k and sorted(found.values())[-k] >= level[0].probability


def _search(index: PrefixIndex, ids: NDArray[np.intp], rest: str) -> Compatible:
    within = [ids[index.places_of(rest[:length])] for length in range(1, len(rest))]
    return Compatible(ids[index.range_of(rest)], np.concatenate([ids[:0], *within]))


def _without(rest: str, text: str) -> str:
    """Return what is left of the letters typed after a token that is compatible with them."""
    if rest.startswith(text):
        return rest[len(text) :]
    return rest.casefold()[len(text.casefold()) :]


def _is_part(text: str) -> bool:
    return bool(text) and all(is_word_character(character) or character in APOSTROPHES for character in text)


def _is_whole(word: str) -> bool:
    bare = word.strip(" ")
    return bare.isprintable() and is_word_character(bare[:1]) and bare[-1] not in APOSTROPHES
