r"""Subwords: words as sequences of shorter tokens, by which a small vocabulary can spell all words.

The tokens are found by byte-pair encoding (Sennrich, Haddow and Birch 2016, "Neural Machine Translation of Rare Words
with Subword Units", https://arxiv.org/abs/1508.07909), over characters and within the pieces of
`nextword.text.tokens.pieces`. Text is cut by taking the longest token from the left. That is as good as repeating the
merges (Uzan, Schmidt, Tanner and Pinter 2024, "Greed is All You Need", https://arxiv.org/abs/2403.01289), and needs
only the tokens: as with words, the vocabulary is the whole tokenizer.

The single characters of the vocabulary are its *alphabet*. A run of other characters, with the space before it, is one
`<unk>`.

Memory is bounded: the merges are found in the most frequent pieces, `MOST_PIECES` of them. The characters of all pieces
are counted. A text with fewer different pieces, which most are, loses nothing.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from heapq import nsmallest
from itertools import batched, repeat

import tokenizers
from tokenizers import Regex
from tokenizers.models import BPE, WordPiece
from tokenizers.pre_tokenizers import Sequence, Split
from tokenizers.trainers import BpeTrainer

from nextword.text.tokens.pieces import LONGEST_WORD, pre_tokenizer
from nextword.text.tokens.vocabulary import END, MAXIMUM_SIZE, UNKNOWN, Vocabulary

SPACE = " "
"""Separates words, and is the first character of most tokens; always in the alphabet."""

MOST_PIECES = 250_000
"""Different pieces of a text, such as words, that its subwords are found in; memory holds twice as many meanwhile."""

_SPECIALS = frozenset([UNKNOWN, END])
_BATCH = 2**14


def subword_engine(vocabulary: Vocabulary) -> tokenizers.Tokenizer:
    """Return a tokenizer of the library that cuts a tidy segment into the longest tokens of a vocabulary.

    Example:
        >>> tokens = ("<unk>", "<eos>", " ", "a", "b", "ab", " a")
        >>> subword_engine(Vocabulary(tokens)).encode("aba ab").tokens
        ['ab', 'a', ' a', 'b']
    """
    ids = {token: token_id for token_id, token in enumerate(vocabulary.tokens)}
    model = WordPiece(
        ids, unk_token=UNKNOWN, continuing_subword_prefix="", max_input_chars_per_word=LONGEST_WORD + len(SPACE)
    )
    engine = tokenizers.Tokenizer(model)
    alphabet = "".join(f"\\x{{{ord(token):x}}}" for token in sorted({SPACE, *vocabulary.tokens}) if len(token) == 1)
    strangers = Split(Regex(f" ?[^{alphabet}]+"), "isolated")
    engine.pre_tokenizer = Sequence([strangers, pre_tokenizer("subword")])
    return engine


def subword_vocabulary(
    parts: Iterable[Mapping[str, int]], *, minimum_count: int, maximum_size: int | None
) -> Vocabulary:
    """Return the subword vocabulary of a text, sorted by how often each token is used.

    Args:
        parts: How often each piece occurs in the training split, `<eos>` included, in parts that have no piece in
            common.
        minimum_count: Fewest occurrences of a character of the alphabet. A longer token occurs at least twice.
        maximum_size: Most tokens, the two special ones included. At most half of them are single characters.
    """
    pieces: dict[str, int] = {}
    characters: Counter[str] = Counter()
    num_ends = 0
    for part in parts:
        num_ends += part.get(END, 0)
        found = {piece: count for piece, count in part.items() if piece not in _SPECIALS}
        _add_characters(characters, found)
        pieces |= found
        if len(pieces) > 2 * MOST_PIECES:
            pieces = _most_frequent(pieces)
    return _vocabulary(_most_frequent(pieces), characters, num_ends, minimum_count, maximum_size)


def _vocabulary(
    pieces: Mapping[str, int], characters: Counter[str], num_ends: int, minimum_count: int, maximum_size: int | None
) -> Vocabulary:
    alphabet = _alphabet(characters, minimum_count, maximum_size)
    known = {piece: count for piece, count in pieces.items() if alphabet.issuperset(piece)}
    tokens = _merged(known, alphabet, max(2, minimum_count), maximum_size)
    found = _count_tokens(Vocabulary((*sorted(tokens), UNKNOWN, END)), pieces)
    # A token that only served to build longer ones is never used; drop it.
    used = {token: found[token] for token in tokens if found[token] or len(token) == 1}
    return Vocabulary.from_counts(used | {UNKNOWN: found[UNKNOWN], END: num_ends}, minimum_count=0)


def _add_characters(characters: Counter[str], pieces: Mapping[str, int]) -> None:
    for piece, count in pieces.items():
        for character in piece:
            characters[character] += count


def _most_frequent(pieces: dict[str, int]) -> dict[str, int]:
    if len(pieces) <= MOST_PIECES:
        return pieces
    return dict(nsmallest(MOST_PIECES, pieces.items(), key=lambda each: (-each[1], each[0])))


def _alphabet(characters: Counter[str], minimum_count: int, maximum_size: int | None) -> set[str]:
    kept = sorted((c for c in characters if characters[c] >= minimum_count), key=lambda c: (-characters[c], c))
    most = None if maximum_size is None else (maximum_size - len(_SPECIALS) - len(SPACE)) // 2
    return {SPACE, *kept[:most]}


def _merged(pieces: Mapping[str, int], alphabet: set[str], minimum_count: int, maximum_size: int | None) -> set[str]:
    """Return the characters, and the tokens that byte-pair encoding makes of them."""
    room = (MAXIMUM_SIZE if maximum_size is None else maximum_size) - len(_SPECIALS)
    # The library allocates memory for all tokens that it may make. Each merge removes at least one character.
    most = len(alphabet) + sum(map(len, pieces))
    trainer = BpeTrainer(
        vocab_size=max(min(room, most), len(alphabet)),
        min_frequency=minimum_count,
        initial_alphabet=sorted(alphabet),
        show_progress=False,
    )
    engine = tokenizers.Tokenizer(BPE())
    engine.train_from_iterator(_repeated(pieces), trainer)
    return set(engine.get_vocab(with_added_tokens=False))


def _repeated(pieces: Mapping[str, int]) -> Iterator[str]:
    for piece in sorted(pieces):
        yield from repeat(piece, pieces[piece])


def _count_tokens(vocabulary: Vocabulary, pieces: Mapping[str, int]) -> Counter[str]:
    engine, found = subword_engine(vocabulary), Counter[str]()
    for batch in batched(pieces.items(), _BATCH):
        encodings = engine.encode_batch_fast([piece for piece, _ in batch])
        for encoding, (_, count) in zip(encodings, batch, strict=True):
            for token_id in encoding.ids:
                found[vocabulary.token_of(token_id)] += count
    return found
