"""Search for words that consist of several tokens: characters or subwords."""

from collections import defaultdict
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.engine.engine import Engine, State
from nextword.inference.suggestion.lexicon import PrefixIndex, folded
from nextword.text.options import TokenizerKind
from nextword.text.tokens.pre_tokens import APOSTROPHES, is_word_character
from nextword.text.tokens.vocabulary import Vocabulary

SPELLED: frozenset[TokenizerKind] = frozenset(["subword", "character"])
"""The tokenizers whose tokens are parts of words."""


class Compatible(NamedTuple):
    """The possible next tokens after letters that are typed but not read yet."""

    covering: NDArray[np.intp]  # tokens that begin with all the letters
    partial: NDArray[np.intp]  # tokens that are a proper prefix of the letters


class WordParts:
    """The tokens of a vocabulary that continue or end a word.

    Args:
        vocabulary: Characters or subwords. `<unk>` has no known text, so it neither continues nor ends a word.
        kind: For subwords, a space is the first character of the next word.

    Attributes:
        texts: Text of each token `(V,)`.
        continuing: Tokens that continue a word.
        ending: Tokens that end the word before them.
    """

    def __init__(self, vocabulary: Vocabulary, kind: TokenizerKind = "character") -> None:
        texts = self.texts = vocabulary.tokens
        is_part = np.array([_is_part(text.removeprefix(" ")) or (kind == "subword" and text == " ") for text in texts])
        is_part[[vocabulary.unknown_id, vocabulary.end_id]] = False
        begins_word = np.array([text.startswith(" ") for text in texts])
        self.continuing = np.flatnonzero(is_part & ~begins_word)
        is_ending = ~is_part | begins_word
        is_ending[vocabulary.unknown_id] = False
        self.ending = np.flatnonzero(is_ending)
        parts = sorted(np.flatnonzero(is_part).tolist(), key=lambda token_id: texts[token_id])
        self._exact = PrefixIndex(texts[token_id] for token_id in parts)
        self._ids = np.array(parts, np.intp)
        by_fold = sorted(parts, key=lambda token_id: folded(texts[token_id]))
        self._folded = PrefixIndex(folded(texts[token_id]) for token_id in by_fold)
        self._folded_ids = np.array(by_fold, np.intp)

    def compatible(self, rest: str) -> Compatible:
        """Return the possible next tokens after `rest` is typed; case is ignored only if no token matches it."""
        exact = _search(self._exact, self._ids, rest)
        if exact.covering.size or exact.partial.size:
            return exact
        return _search(self._folded, self._folded_ids, folded(rest))


class _PartialWord(NamedTuple):
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
    *,
    width: int = 8,
    max_length: int = 24,
    is_forgotten: Callable[[str], bool] = lambda _word: False,
) -> list[tuple[str, float]]:
    r"""Return the `k` most probable words from a beam search, with their probabilities.

    A word ends before a token that is not part of it: $p(w) = \sum_{u} p(u) \sum_{v \text{ ends}} p(v | u)$ over the
    spellings $u$ of the word, given that the word begins with the typed letters.

    Args:
        engine: Engine; each level of the search is one batched step.
        after: Log-probabilities `(V,)` and state (batch of one) after the tokens that are read.
        word_parts: Tokens that continue or end a word.
        typed: Letters of the word that are already read, and letters that are not.
        k: Number of words to return.
        width: Number of partial words to follow in parallel.
        max_length: Most tokens of a word after the tokens already read.
        is_forgotten: Whether a word must not be returned.
    """
    word, rest = typed
    level, rows, state = [_PartialWord(1.0, word, rest, 0, -1)], after[0][None], after[1]
    found: defaultdict[str, float] = defaultdict(float)
    covered = 0.0 if rest else 1.0
    for num_tokens in range(max_length + 1):
        probabilities = np.exp(rows.astype(np.float64))
        extended: list[_PartialWord] = []
        for row, partial in enumerate(level):
            if not partial.rest and _is_whole(partial.word) and not is_forgotten(partial.word.strip(" ")):
                found[partial.word] += partial.probability * float(probabilities[row, word_parts.ending].sum())
            if partial.rest:
                covering = word_parts.compatible(partial.rest).covering
                covered += partial.probability * float(probabilities[row, covering].sum())
            extended += _extended(partial, probabilities[row], row, word_parts, width)
        level = sorted(extended, key=lambda each: -each.probability)[:width]
        if not level or num_tokens == max_length or _is_settled(found, level, k):
            break
        state = engine.select(state, np.array([each.row for each in level], np.intp))
        rows, state = engine.step(np.array([each.token_id for each in level], np.int32), state)
    best = sorted(found.items(), key=lambda item: (-item[1], item[0]))[:k]
    return [(word.strip(" "), probability / covered) for word, probability in best if probability > 0]


def _extended(
    partial: _PartialWord, probabilities: NDArray[np.float64], row: int, word_parts: WordParts, width: int
) -> list[_PartialWord]:
    allowed = np.concatenate(word_parts.compatible(partial.rest)) if partial.rest else word_parts.continuing
    best = allowed[np.argsort(-probabilities[allowed], kind="stable")[:width]].tolist()
    return [
        _PartialWord(
            partial.probability * float(probabilities[token_id]),
            partial.word + word_parts.texts[token_id],
            _remove_prefix(partial.rest, word_parts.texts[token_id]),
            row,
            token_id,
        )
        for token_id in best
    ]


def _is_settled(found: dict[str, float], level: list[_PartialWord], k: int) -> bool:
    """Return whether no partial word can become one of the `k` best."""
    best = sorted(found.values(), reverse=True)
    following = best[k] if len(best) > k else 0.0  # which the partial word may spell once more
    return len(best) >= k and best[k - 1] >= level[0].probability + following


def _search(index: PrefixIndex, ids: NDArray[np.intp], rest: str) -> Compatible:
    partial = [ids[index.exact_range(rest[:length])] for length in range(1, len(rest))]
    return Compatible(ids[index.prefix_range(rest)], np.concatenate([ids[:0], *partial]))


def _remove_prefix(rest: str, text: str) -> str:
    """Return the typed letters after those that a compatible token covers."""
    if rest.startswith(text):
        return rest[len(text) :]
    return folded(rest)[len(folded(text)) :]


def _is_part(text: str) -> bool:
    return bool(text) and all(is_word_character(character) or character in APOSTROPHES for character in text)


def _is_whole(word: str) -> bool:
    bare = word.strip(" ")
    return bare.isprintable() and is_word_character(bare[:1]) and bare[-1] not in APOSTROPHES
