r"""Subwords: words as sequences of shorter tokens, by which a small vocabulary can spell all words.

The tokens are found by byte-pair encoding (Sennrich, Haddow and Birch 2016, "Neural Machine Translation of Rare Words
with Subword Units", https://arxiv.org/abs/1508.07909), over characters and within pre-tokens.
Text is split by taking the longest token from the left. That is as good as repeating the merges (Uzan, Schmidt, Tanner
and Pinter 2024, "Greed is All You Need", https://arxiv.org/abs/2403.01289), and needs only the tokens: as with words,
the vocabulary is the whole tokenizer.

The single characters of the vocabulary are its *alphabet*. A run of other characters, with the space before it, is one
`<unk>`.

Memory is bounded: the merges are found in the most frequent pre-tokens, `MAX_PRE_TOKENS` of them. The characters of all
are counted. A text with fewer different pre-tokens, as most texts are, loses nothing.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from heapq import nsmallest
from importlib.util import find_spec
from itertools import chain, repeat, starmap

from nextword.errors import MissingExtraError
from nextword.text.tokens.pre_tokens import pre_tokens as cut_pre_tokens
from nextword.text.tokens.vocabulary import END, MAXIMUM_SIZE, UNKNOWN, Vocabulary

SPACE = " "
"""Separates words, and is the first character of most tokens; always in the alphabet."""

MAX_PRE_TOKENS = 250_000
"""Most different pre-tokens in which the subwords of a text are found. Memory holds up to twice as many."""

_SPECIALS = frozenset([UNKNOWN, END])
_REMEMBERED = 2**18  # pre-tokens whose tokens a cutter remembers


class SubwordCutter:
    """Cuts tidy segments into the longest tokens of a vocabulary, from the left."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._ids = {token: token_id for token_id, token in enumerate(vocabulary.tokens)}
        self._unknown_id = vocabulary.unknown_id
        self._longest = max(map(len, vocabulary.tokens))
        alphabet = "".join(map(re.escape, {SPACE, *(token for token in vocabulary.tokens if len(token) == 1)}))
        self._strangers = re.compile(f"( ?[^{alphabet}]+)")
        self._known: dict[str, list[tuple[str, int]]] = {}

    def cut(self, segment: str) -> list[tuple[str, int]]:
        """Return the tokens of a tidy segment, each as written and as id."""
        return [token for pre_token in self._pre_tokens(segment) for token in self._tokens(pre_token)]

    def _pre_tokens(self, segment: str) -> Iterator[str]:
        """Yield the pre-tokens; characters out of the alphabet are in pre-tokens of their own."""
        for part in self._strangers.split(segment):
            yield from cut_pre_tokens(part, "subword")

    def _tokens(self, pre_token: str) -> list[tuple[str, int]]:
        found = self._known.get(pre_token)
        if found is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            found = self._known[pre_token] = self._longest_tokens(pre_token)
        return found

    def _longest_tokens(self, pre_token: str) -> list[tuple[str, int]]:
        found: list[tuple[str, int]] = []
        start = 0
        while start < len(pre_token):
            stops = range(min(len(pre_token), start + self._longest), start, -1)
            token = next((pre_token[start:stop] for stop in stops if pre_token[start:stop] in self._ids), None)
            if token is None:
                return [(pre_token, self._unknown_id)]
            found.append((token, self._ids[token]))
            start += len(token)
        return found


def subword_vocabulary(
    parts: Iterable[Mapping[str, int]], *, minimum_count: int, maximum_size: int | None
) -> Vocabulary:
    """Return the subword vocabulary of a text, sorted by how often each token is used.

    Args:
        parts: How often each pre-token occurs in the training split, `<eos>` included, in parts without a common
            pre-token.
        minimum_count: Fewest occurrences of a character of the alphabet. A longer token occurs at least twice.
        maximum_size: Most tokens, the two special ones included. At most half of them are single characters.
    """
    pre_tokens: dict[str, int] = {}
    characters: Counter[str] = Counter()
    num_ends = 0
    for part in parts:
        num_ends += part.get(END, 0)
        found = {pre_token: count for pre_token, count in part.items() if pre_token not in _SPECIALS}
        _add_characters(characters, found)
        pre_tokens |= found
        if len(pre_tokens) > 2 * MAX_PRE_TOKENS:
            pre_tokens = _most_frequent(pre_tokens)
    return _vocabulary(_most_frequent(pre_tokens), characters, num_ends, minimum_count, maximum_size)


def _vocabulary(
    pre_tokens: Mapping[str, int], characters: Counter[str], num_ends: int, minimum_count: int, maximum_size: int | None
) -> Vocabulary:
    alphabet = _alphabet(characters, minimum_count, maximum_size)
    known = {pre_token: count for pre_token, count in pre_tokens.items() if alphabet.issuperset(pre_token)}
    tokens = _merged(known, alphabet, max(2, minimum_count), maximum_size)
    found = _count_tokens(Vocabulary((*sorted(tokens), UNKNOWN, END)), pre_tokens)
    # A token that only served to build longer ones is never used; drop it.
    used = {token: found[token] for token in tokens if found[token] or len(token) == 1}
    return Vocabulary.from_counts(used | {UNKNOWN: found[UNKNOWN], END: num_ends}, minimum_count=0)


def _add_characters(characters: Counter[str], pre_tokens: Mapping[str, int]) -> None:
    for pre_token, count in pre_tokens.items():
        for character in pre_token:
            characters[character] += count


def _most_frequent(pre_tokens: dict[str, int]) -> dict[str, int]:
    if len(pre_tokens) <= MAX_PRE_TOKENS:
        return pre_tokens
    return dict(nsmallest(MAX_PRE_TOKENS, pre_tokens.items(), key=lambda each: (-each[1], each[0])))


def _alphabet(characters: Counter[str], minimum_count: int, maximum_size: int | None) -> set[str]:
    kept = sorted((c for c in characters if characters[c] >= minimum_count), key=lambda c: (-characters[c], c))
    most = None if maximum_size is None else (maximum_size - len(_SPECIALS) - len(SPACE)) // 2
    return {SPACE, *kept[:most]}


def _merged(
    pre_tokens: Mapping[str, int], alphabet: set[str], minimum_count: int, maximum_size: int | None
) -> set[str]:
    """Return the characters, and the tokens that byte-pair encoding makes of them."""
    room = (MAXIMUM_SIZE if maximum_size is None else maximum_size) - len(_SPECIALS)
    # The library allocates memory for all tokens that it may make. Each merge removes at least one character.
    most = len(alphabet) + sum(map(len, pre_tokens))
    if find_spec("tokenizers") is None:
        raise MissingExtraError.of("finding the subwords of a text needs tokenizers", None, "train")
    import tokenizers  # only training needs it

    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=max(min(room, most), len(alphabet)),
        min_frequency=minimum_count,
        initial_alphabet=sorted(alphabet),
        show_progress=False,
    )
    engine = tokenizers.Tokenizer(tokenizers.models.BPE())
    engine.train_from_iterator(chain.from_iterable(starmap(repeat, sorted(pre_tokens.items()))), trainer)
    return set(engine.get_vocab(with_added_tokens=False))


def _count_tokens(vocabulary: Vocabulary, pre_tokens: Mapping[str, int]) -> Counter[str]:
    cutter, found = SubwordCutter(vocabulary), Counter[str]()
    for pre_token, count in pre_tokens.items():
        for _, token_id in cutter.cut(pre_token):
            found[vocabulary.token_of(token_id)] += count
    return found
