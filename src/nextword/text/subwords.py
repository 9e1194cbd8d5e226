r"""Subwords: words as sequences of shorter tokens, by which a small vocabulary can spell all words.

The tokens are found by byte-pair encoding (Sennrich, Haddow and Birch 2016, "Neural Machine Translation of Rare Words
with Subword Units", https://arxiv.org/abs/1508.07909), over characters and within the pieces of `nextword.text.pieces`.
Text is cut by taking the longest token from the left. That is as good as repeating the merges (Uzan, Schmidt, Tanner
and Pinter 2024, "Greed is All You Need", https://arxiv.org/abs/2403.01289), and needs only the tokens: as with words,
the vocabulary is the whole tokenizer.

The single characters of the vocabulary are its *alphabet*. A run of other characters, with the space before it, is one
`<unk>`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import repeat

import tokenizers
from tokenizers import Regex
from tokenizers.models import BPE, WordPiece
from tokenizers.pre_tokenizers import Sequence, Split
from tokenizers.trainers import BpeTrainer

from nextword.text.pieces import LONGEST_WORD, pre_tokenizer
from nextword.text.vocabulary import END, MAXIMUM_SIZE, UNKNOWN, Vocabulary

SPACE = " "
"""Separates words, and is the first character of most tokens; always in the alphabet."""

_SPECIALS = frozenset([UNKNOWN, END])


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


def subword_vocabulary(counts: Mapping[str, int], *, minimum_count: int, maximum_size: int | None) -> Vocabulary:
    """Return the subword vocabulary of a text, sorted by how often each token is used.

    Args:
        counts: How often each piece occurs in the training split, `<eos>` included.
        minimum_count: Fewest occurrences of a character of the alphabet. A longer token occurs at least twice.
        maximum_size: Most tokens, the two special ones included. At most half of them are single characters.
    """
    pieces = {piece: count for piece, count in counts.items() if piece not in _SPECIALS}
    alphabet = _alphabet(pieces, minimum_count, maximum_size)
    known = {piece: count for piece, count in pieces.items() if alphabet.issuperset(piece)}
    tokens = _merged(known, alphabet, max(2, minimum_count), maximum_size)
    found = _count_tokens(Vocabulary((*sorted(tokens), UNKNOWN, END)), pieces)
    # A token that only served to build longer ones is never used; drop it.
    used = {token: found[token] for token in tokens if found[token] or len(token) == 1}
    return Vocabulary.from_counts(used | {UNKNOWN: found[UNKNOWN], END: counts.get(END, 0)}, minimum_count=0)


def _alphabet(pieces: Mapping[str, int], minimum_count: int, maximum_size: int | None) -> set[str]:
    counts: Counter[str] = Counter()
    for piece, count in pieces.items():
        for character in piece:
            counts[character] += count
    kept = sorted((c for c in counts if counts[c] >= minimum_count), key=lambda c: (-counts[c], c))
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
    encodings = subword_engine(vocabulary).encode_batch_fast(list(pieces))
    found: Counter[str] = Counter()
    for encoding, count in zip(encodings, pieces.values(), strict=True):
        for token_id in encoding.ids:
            found[vocabulary.token_of(token_id)] += count
    return found
