"""The mixture of a bundle: what is mixed with the network at work, fitted and tuned after training.

`mixture.json` holds the settings, the gates and the sizes, `ngrams.bin` the n-grams of the training text as flat arrays
without a header: the probability of each single token, and for each length from 2 on the number of n-grams after each
context, their tokens, and the shares of the tokens in their contexts. The sizes are known before a byte of it is read.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from nextword.errors import BundleError, SettingError
from nextword.settings import Settings, setting
from nextword.system import strict_json

_SETTINGS_BYTES, _GATES_BYTES = 2**12, 64  # without gates, and for a number of each
_MAX_UNITS = 2**14
MAX_ORDER = 8

SHARE_STEP = 0.05
"""Shares are stored as `round_up(-ln(share) / SHARE_STEP)`, in a byte each."""

_FORMAT, _FORMAT_WITHOUT_GATES = 2, 1
_DISTANCE = 1e-3  # of the sum of the single tokens' probabilities from 1


@dataclass(frozen=True, kw_only=True)
class MixtureSettings(Settings):
    """What is mixed with the network, and how much of it; a weight of 0 leaves it out."""

    group: ClassVar[str] = "mixture"

    ngram_weight: float = setting(0.0, help="Weight of the n-gram model.", at_least=0.0, below=1.0)
    cache_size: int = setting(1000, help="Tokens that the cache remembers.", at_least=1, at_most=2**16)
    cache_delay: int = setting(0, help="Latest tokens that the cache leaves out.", at_least=0, at_most=2**16)
    cache_theta: float = setting(0.3, help="How much similarity counts.", at_least=0.0, at_most=1000.0)
    cache_decay: float = setting(
        0.0, help="How much a token's weight decays with each later one.", at_least=0.0, at_most=10.0
    )
    cache_weight: float = setting(0.0, help="Weight of the cache.", at_least=0.0, below=1.0)
    cache_sentinel: float = setting(0.0, help="Weight of the sentinel.", at_least=0.0, at_most=1e30)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.cache_weight and self.cache_delay >= self.cache_size:
            raise SettingError(
                f"`cache_delay` must be below `cache_size`, {self.cache_size}, but is {self.cache_delay}; lower it"
            )

    @property
    def protocol(self) -> str:
        """What is mixed with the network, such as `as used: n-grams 0.14, cache of 1,000 tokens`."""
        parts = [f"n-grams {self.ngram_weight:.3g}"] if self.ngram_weight else []
        parts += [f"cache of {self.cache_size:,} tokens"] if self.cache_weight else []
        return f"as used: {', '.join(parts)}"


Gate = tuple[float, ...]
"""What makes the weight of a part depend on the hidden state `(H + 1,)`, the constant last; empty if nothing does."""

_MAX_NUMBER = 1e9  # of a number of a gate, in size


class Gates(NamedTuple):
    """The gates of both parts; see `nextword.engine.mixture.gates`."""

    ngram: Gate = ()
    cache: Gate = ()


NO_GATES = Gates()


class NgramLevel(NamedTuple):
    """The n-grams of one length, `G` of them after `C` contexts, which are the n-grams of the next shorter length."""

    sizes: NDArray[np.unsignedinteger]  # number of n-grams of each context `(C,)`
    tokens: NDArray[np.unsignedinteger]  # the last token of each, ascending within a context `(G,)`
    shares: NDArray[np.uint8]  # the share of each in its context `(G,)`, uint8, in steps of `SHARE_STEP`


@dataclass(frozen=True, eq=False)
class PackedNgrams:
    """An n-gram model of the training text as it is stored."""

    singles: NDArray[np.float32]  # the probability of each token after no context `(V,)`, float32
    levels: tuple[NgramLevel, ...]  # the n-grams of each length from 2 on

    @property
    def num_ngrams(self) -> list[int]:
        """How many n-grams of each length from 2 on there are."""
        return [len(level.tokens) for level in self.levels]

    def to_bytes(self) -> bytes:
        """Return the content of `ngrams.bin`."""
        arrays = [self.singles, *(array for level in self.levels for array in level)]
        return b"".join(array.astype(array.dtype.newbyteorder("<")).tobytes() for array in arrays)

    @classmethod
    def from_bytes(cls, data: bytes, vocabulary_size: int, num_ngrams: Sequence[int]) -> Self:
        """Return the model in `data`, checked.

        Raises:
            BundleError: It is not exactly a model of this vocabulary with these numbers of n-grams.
        """
        expected = ngram_bytes(vocabulary_size, num_ngrams)
        if len(data) != expected:
            raise BundleError(f"`ngrams.bin` must be {expected} bytes long, but is {len(data)}")
        singles = np.frombuffer(data, "<f4", vocabulary_size)
        if not ((singles >= 0).all() and abs(float(singles.sum(dtype=np.float64)) - 1) < _DISTANCE):
            raise BundleError("`ngrams.bin` must hold probabilities of the single tokens that sum to 1, but does not")
        kind, offset, levels = token_type(vocabulary_size).newbyteorder("<"), 4 * vocabulary_size, []
        for contexts, size in zip([vocabulary_size, *num_ngrams], num_ngrams, strict=False):
            sizes = np.frombuffer(data, kind, contexts, offset)
            tokens = np.frombuffer(data, kind, size, offset + sizes.nbytes)
            shares = np.frombuffer(data, np.uint8, size, offset + sizes.nbytes + tokens.nbytes)
            offset += sizes.nbytes + tokens.nbytes + shares.nbytes
            levels.append(NgramLevel(sizes, tokens, shares))
            _check_level(levels[-1], vocabulary_size)
        return cls(singles, tuple(levels))


def _check_level(level: NgramLevel, vocabulary_size: int) -> None:
    sizes, tokens = level.sizes.astype(np.int64), level.tokens.astype(np.int64)
    if sizes.sum() != len(tokens):
        raise BundleError(
            f"`ngrams.bin` must hold an n-gram for each that it counts, {sizes.sum()}, but has {len(tokens)}"
        )
    contexts = np.repeat(np.arange(len(sizes)), sizes)
    if (tokens >= vocabulary_size).any() or (np.diff(contexts * vocabulary_size + tokens) <= 0).any():
        raise BundleError("`ngrams.bin` must hold the tokens of each context once and in order, but does not")
    if (np.bincount(contexts, shares_of(level.shares), minlength=1) > 1 + 1e-9).any():
        raise BundleError("`ngrams.bin` must hold shares that sum to at most 1 in each context, but does not")


def shares_of(steps: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the shares that are stored as `steps`."""
    return np.exp(-SHARE_STEP * np.arange(256))[steps]


def token_type(vocabulary_size: int) -> np.dtype[Any]:
    """Return the type in which tokens, and numbers of n-grams after a context, are stored."""
    return np.dtype(np.uint16 if vocabulary_size <= 2**16 else np.uint32)


def ngram_bytes(vocabulary_size: int, num_ngrams: Sequence[int]) -> int:
    """Return the size of `ngrams.bin`."""
    width = token_type(vocabulary_size).itemsize
    pairs = zip([vocabulary_size, *num_ngrams], num_ngrams, strict=False)
    return 4 * vocabulary_size + sum(width * contexts + (width + 1) * size for contexts, size in pairs)


def max_settings_bytes(hidden_size: int) -> int:
    """Return the largest size of `mixture.json` for a last layer of this width."""
    return _SETTINGS_BYTES + _GATES_BYTES * (hidden_size + 1)


class MixtureFacts(NamedTuple):
    """What `mixture.json` says."""

    settings: MixtureSettings
    num_ngrams: list[int]
    gates: Gates = NO_GATES

    @classmethod
    def of(cls, data: bytes, *, has_ngrams: bool) -> Self:
        """Return the content of `mixture.json`, checked."""
        try:
            table = strict_json.parse(data, max_bytes=max_settings_bytes(_MAX_UNITS), max_depth=3)
            if not isinstance(table, dict) or table.keys() - {"gates"} != {"format", "settings", "num_ngrams"}:
                raise ValueError("must hold `format`, `settings`, `num_ngrams` and at most `gates`, and nothing else")
            expected = _FORMAT if "gates" in table else _FORMAT_WITHOUT_GATES
            if type(table["format"]) is not int or table["format"] != expected:
                raise ValueError(f"must have the format {expected}, but has {table['format']!a:.40}")
            if not isinstance(table["settings"], dict):
                raise ValueError("must hold its settings as an object")
            settings = MixtureSettings.from_table(table["settings"])
            if settings.ngram_weight and not has_ngrams:
                raise ValueError(f"must have `ngram_weight` 0 without `ngrams.bin`, but has {settings.ngram_weight}")
            gates = _gates(table["gates"]) if "gates" in table else NO_GATES
            return cls(settings, _sizes(table["num_ngrams"], is_there=has_ngrams), gates)
        except (ValueError, SettingError) as error:
            raise BundleError(f"`mixture.json` {error}") from error


@dataclass(frozen=True, eq=False)
class Mixture:
    """What is mixed with the network at work."""

    settings: MixtureSettings
    ngrams: PackedNgrams | None = None
    gates: Gates = NO_GATES

    def __post_init__(self) -> None:
        if self.settings.ngram_weight and self.ngrams is None:
            raise BundleError(
                f"a mixture without n-grams must have `ngram_weight` 0, but has {self.settings.ngram_weight}; give it "
                "n-grams, or set the weight to 0"
            )

    @property
    def facts(self) -> MixtureFacts:
        """What `mixture.json` says."""
        return MixtureFacts(self.settings, self.ngrams.num_ngrams if self.ngrams else [], self.gates)

    def to_json(self) -> bytes:
        """Return the content of `mixture.json`."""
        num_ngrams = self.ngrams.num_ngrams if self.ngrams else None
        table = {"format": _FORMAT_WITHOUT_GATES, "settings": self.settings.to_table(), "num_ngrams": num_ngrams}
        if any(self.gates):
            table |= {"format": _FORMAT, "gates": self.gates._asdict()}
        return (json.dumps(table, indent=2) + "\n").encode()

    @classmethod
    def from_files(cls, data: bytes, ngrams: bytes | None, vocabulary_size: int) -> Self:
        """Return the mixture in `mixture.json` and `ngrams.bin`."""
        settings, num_ngrams, gates = MixtureFacts.of(data, has_ngrams=ngrams is not None)
        packed = None if ngrams is None else PackedNgrams.from_bytes(ngrams, vocabulary_size, num_ngrams)
        return cls(settings, packed, gates)


def _sizes(value: Any, *, is_there: bool) -> list[int]:
    if not is_there:
        if value is not None:
            raise ValueError("must have `num_ngrams` null without `ngrams.bin`")
        return []
    if not isinstance(value, list) or not len(value) < MAX_ORDER:
        raise ValueError(f"must hold `num_ngrams` if there is `ngrams.bin`: at most {MAX_ORDER - 1} whole numbers")
    if not all(type(size) is int and size >= 0 for size in value):
        raise ValueError("must hold `num_ngrams` as whole numbers from 0 on")
    return value


def _gates(value: Any) -> Gates:
    if not isinstance(value, dict) or value.keys() != {*Gates._fields} or not all(map(_is_gate, value.values())):
        raise ValueError(
            f"must hold `gates` as `ngram` and `cache`, each a list of numbers from -{_MAX_NUMBER:g} to {_MAX_NUMBER:g}"
        )
    return Gates(tuple(map(float, value["ngram"])), tuple(map(float, value["cache"])))


def _is_gate(value: Any) -> bool:
    return isinstance(value, list) and all(
        type(number) in {int, float} and abs(number) <= _MAX_NUMBER for number in value
    )
