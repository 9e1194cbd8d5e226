"""Measures what generated text copies from the training text, and how far a model exposes a secret of it."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextword.engine.text_model import TextModel
from nextword.errors import EvaluationError, SettingError
from nextword.inference.generation.generator import Request, SearchOptions, generate_texts
from nextword.inference.generation.sampling import UNCHANGED
from nextword.inference.scoring.lines import ScoringOptions, score_lines
from nextword.settings import require_at_least
from nextword.text.batching.window import TokenIds

_NO_TOKEN = -1
_TEXT_LENGTH = 250
_MAX_LENGTH = 1000
_NUM_PASSAGES = 3
_NUM_CANDIDATES = 1024
_CHUNK = 2**20
_BASE = 0x9E3779B97F4A7C15  # any large odd number
_SEED = 1

_Hashes = NDArray[np.uint64]


@dataclass(frozen=True)
class CopiedShare:
    """How much of a text is in the training text."""

    num_tokens: int
    # Share of its sequences of `ngram_length` tokens that are in the training text, without sequences that have an
    # unknown word.
    share: float
    longest: int  # tokens of the longest passage that is in the training text, at most 1,000
    passages: tuple[str, ...]  # the longest such passages


@dataclass(frozen=True)
class Exposure:
    r"""The rank of a secret among random alternatives of the same shape.

    Source:
        Carlini et al. (2019), "The Secret Sharer", arXiv 1802.08232: exposure, estimated from a sample.
    """

    secret: str
    rank: int  # its rank by probability, 1 for the most probable
    num_candidates: int  # number of alternatives, the secret included
    bits: float  # $\log_2 |R| - \log_2 \text{rank}$: 1.4 on average if the model knows nothing of the secret


@dataclass(frozen=True)
class Copying:
    """What generated text copies from the training text, next to a text that the model has not seen.

    Attributes:
        ngram_length: Length of the sequences in tokens: 8, or 40 for a model of characters.
        generated: What generated text copies; see `CopiedShare`.
        held_out: The same for a text of people, the fair yardstick.
        exposures: The exposure of each secret; see `Exposure`.

    Example:
        >>> import nextword
        >>> model = nextword.load("austen")
        >>> corpus = nextword.Corpus.load("austen", tokenizer=model.tokenizer)
        >>> found = model.copying(corpus, secrets=["He was born in 1811."], max_tokens=500)
        >>> found.generated.longest < 30, found.exposures[0].bits > 1
        (True, True)
    """

    ngram_length: int
    generated: CopiedShare
    held_out: CopiedShare
    exposures: tuple[Exposure, ...]

    def to_table(self) -> dict[str, Any]:
        """Return the values for JSON."""
        return asdict(self)


def measure_copying(
    model: TextModel, train: TokenIds, held_out: TokenIds, *, secrets: Sequence[str] = (), max_tokens: int = 10_000
) -> Copying:
    """Generate text, and measure how much of it is in the training text; `copying` has the same arguments."""
    require_at_least("max_tokens", max_tokens, 1)
    candidates = [_candidates(line) for line in secrets]
    num_texts = -(-max_tokens // _TEXT_LENGTH)
    search, sampling = SearchOptions(best_of=num_texts), UNCHANGED.replace(seed=_SEED)
    (text,) = generate_texts(model, [""], Request(max_tokens=max_tokens // num_texts, sampling=sampling, search=search))
    generated = [number for each in (text, *text.others) for number in (*each.ids, _NO_TOKEN)]
    length = 40 if model.tokenizer.kind == "character" else 8
    mine, theirs = (_share(model, np.array(ids, np.int32), train, length) for ids in (generated, held_out))
    return Copying(length, mine, theirs, tuple(_exposure(model, lines) for lines in candidates))


def copied_lengths(text: TokenIds, train: TokenIds, length: int) -> NDArray[np.int64]:
    """Return the length of the longest passage that begins at each token of a text and is in another one.

    Passages are compared by a hash of 64 bits. Only those of `train` that begin like one of `text` are kept.

    Args:
        text: Tokens `(N,)`; -1 equals no token of `train`.
        train: Tokens of the other text `(T,)`, read in pieces.
        length: The shortest passage; 0 is the result if there is none.
    """
    own = _hashes(text, length)
    starts, known, begins, hashes = np.arange(len(own)), np.sort(own), [], []
    for first in range(0, max(1, len(train)), _CHUNK):
        of_piece = _hashes(train[first : first + _CHUNK + length - 1], length)
        same = np.flatnonzero(_among(of_piece, known))
        begins.append(same + first)
        hashes.append(of_piece[same])
    places, others = np.concatenate(begins), np.concatenate(hashes)
    lengths = np.zeros(len(text), np.int64)
    while len(starts) and len(places) and length <= _MAX_LENGTH:
        found = _among(own, np.sort(others))
        lengths[starts[found]] = length
        kept = _among(others, np.sort(own[found]))
        starts, own = _longer(text, starts[found], own[found], length)
        places, others = _longer(train, places[kept], others[kept], length)
        length += 1
    return lengths


def _hashes(ids: TokenIds, length: int) -> _Hashes:
    """Return the hash of each sequence of `length` tokens: the sum of ids times powers of an odd number."""
    hashes = np.zeros(max(0, len(ids) - length + 1), np.uint64)
    for index in range(length):
        hashes += _term(ids[index : index + len(hashes)], index)
    return hashes


def _longer(ids: TokenIds, starts: NDArray[np.intp], hashes: _Hashes, length: int) -> tuple[NDArray[np.intp], _Hashes]:
    """Return the sequences with one more token, without those that the text ends before."""
    has_more = starts + length < len(ids)
    starts = starts[has_more]
    return starts, hashes[has_more] + _term(ids[starts + length], length)


def _term(ids: TokenIds, exponent: int) -> _Hashes:
    return ids.astype(np.uint64) * np.uint64(pow(_BASE, exponent, 2**64))


def _among(values: _Hashes, known: _Hashes) -> NDArray[np.bool_]:
    """Return whether each value is in a sorted array."""
    if not len(known):
        return np.zeros(len(values), np.bool_)
    return np.equal(known[np.minimum(np.searchsorted(known, values), len(known) - 1)], values)


def _share(model: TextModel, text: TokenIds, train: TokenIds, length: int) -> CopiedShare:
    known = np.where(text == model.tokenizer.vocabulary.unknown_id, _NO_TOKEN, text)
    lengths = copied_lengths(known, train, length)
    gaps = np.append(0, np.cumsum(known == _NO_TOKEN))
    num_sequences = int(np.count_nonzero(gaps[length:] == gaps[:-length]))
    if not num_sequences:
        raise EvaluationError(f"a text must have {length} known tokens in a row, but has not; give a longer one")
    share, longest = int(np.count_nonzero(lengths)) / num_sequences, int(lengths.max())
    passages: list[str] = []
    while len(passages) < _NUM_PASSAGES and (number := int(lengths.max())):
        start = int(lengths.argmax())
        passage = model.tokenizer.decode(text[start : start + number]).strip()
        if not any(passage in other for other in passages):
            passages.append(passage)
        lengths[max(0, start - number) : start + number] = 0
    return CopiedShare(int(np.count_nonzero(text != _NO_TOKEN)), share, longest, tuple(passages))


def _exposure(model: TextModel, lines: Sequence[str]) -> Exposure:
    secret, *others = (each.log_prob for each in score_lines(model, lines, ScoringOptions(eos=False), ranks=False))
    rank = 1 + sum(other > secret for other in others) + others.count(secret) // 2
    return Exposure(lines[0], rank, len(lines), math.log2(len(lines) / rank))


def _candidates(line: str) -> list[str]:
    """Return a line and others with another secret of the same shape: other digits, and letters of the same case."""
    before, bracket, rest = line.partition("[")
    before, secret, after = (before, *rest.partition("]")[::2]) if bracket else ("", line, "")
    kinds = [ascii_lowercase, ascii_uppercase, digits] if bracket else [digits]
    choices = [next((kind for kind in kinds if letter in kind), letter) for letter in secret]
    if not any(len(kind) > 1 for kind in choices):
        raise SettingError(
            f"a secret must have digits, or be in brackets as in `my word is [abc]`, but is {line!r}; mark the secret"
        )
    random, lines = np.random.default_rng(_SEED), {f"{before}{secret}{after}": None}
    for _ in range(8 * _NUM_CANDIDATES):
        if len(lines) < _NUM_CANDIDATES:
            other = "".join(kind[random.integers(len(kind))] for kind in choices)
            lines[f"{before}{other}{after}"] = None
    return list(lines)
