"""The mixture of a bundle is read as it was written, and one that breaks a rule is rejected."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.bundle.bundle import Bundle
from nextword.bundle.files import max_ngram_bytes
from nextword.bundle.mixture import Gates, Mixture, MixtureSettings, NgramLevel, PackedNgrams, ngram_bytes, token_type
from nextword.bundle.store import read_bundle, read_mixture, write_bundle
from nextword.engine.mixture.pruning import unpacked
from nextword.errors import BundleError
from nextword.system import sealed_directory

Files = dict[str, bytes]
Refusal = Callable[..., str]
Change = Callable[[Files], Files]

SIZE = 6
SETTINGS = MixtureSettings(
    ngram_weight=0.25,
    cache_size=40,
    cache_delay=3,
    cache_theta=0.5,
    cache_decay=0.125,
    cache_weight=0.75,
    cache_sentinel=8.0,
)


def level_of(sizes: list[int], tokens: list[int], steps: list[int]) -> NgramLevel:
    return NgramLevel(np.array(sizes, np.uint16), np.array(tokens, np.uint16), np.array(steps, np.uint8))


SINGLES = np.array([0.25, 0.25, 0.125, 0.125, 0.125, 0.125], np.float32)
PAIRS = level_of([0, 0, 2, 0, 0, 1], [3, 4, 2], [14, 30, 10])  # 2 3, 2 4 and 5 2
TRIPLES = level_of([1, 0, 0], [5], [20])  # 2 3 5
NGRAMS = PackedNgrams(SINGLES, (PAIRS, TRIPLES))
GATES = Gates(ngram=(0.5, -1.0, 0.0, 2.5, 0.1), cache=(1e-7, 0.25, 3.0, -4.0, 0.0))

# `NGRAMS.to_bytes().hex()`. A change of these bytes makes the bundles of before unreadable: it needs another format.
BYTES = bytes.fromhex(
    "0000803e 0000803e 0000003e 0000003e 0000003e 0000003e"  # singles
    "0000 0000 0200 0000 0000 0100  0300 0400 0200  0e 1e 0a"  # pairs: sizes, tokens, shares
    "0100 0000 0000  0500  14"  # triples
)

# `Mixture(SETTINGS, NGRAMS).to_json()`.
JSON = b"""{
  "format": 1,
  "settings": {
    "ngram_weight": 0.25,
    "cache_size": 40,
    "cache_delay": 3,
    "cache_theta": 0.5,
    "cache_decay": 0.125,
    "cache_weight": 0.75,
    "cache_sentinel": 8.0
  },
  "num_ngrams": [
    3,
    1
  ]
}
"""


@pytest.fixture
def files(tmp_path: Path, bundle: Bundle) -> Files:
    """The files of a bundle with a mixture."""
    write_bundle(tmp_path / "mixed", replace(bundle, mixture=Mixture(SETTINGS, NGRAMS)))
    return sealed_directory.read(tmp_path / "mixed")


def arrays_of(ngrams: PackedNgrams | None) -> list[list[Any]]:
    """Return all numbers, each array with its type."""
    if ngrams is None:
        return []
    arrays = [ngrams.singles, *(array for level in ngrams.levels for array in level)]
    return [[array.dtype.name, *array.tolist()] for array in arrays]


def test_the_bytes_of_the_format_are_fixed(files: Files) -> None:
    assert NGRAMS.to_bytes() == files["ngrams.bin"] == BYTES
    assert files["mixture.json"] == JSON
    assert arrays_of(PackedNgrams.from_bytes(BYTES, SIZE, [3, 1])) == arrays_of(NGRAMS)


@pytest.mark.parametrize(
    "mixture",
    [
        Mixture(SETTINGS, NGRAMS),
        Mixture(SETTINGS, NGRAMS, GATES),
        Mixture(SETTINGS.replace(ngram_weight=0.0)),
        Mixture(SETTINGS.replace(ngram_weight=0.0), None, GATES._replace(ngram=())),
        Mixture(MixtureSettings(ngram_weight=0.5), PackedNgrams(SINGLES, ())),
        Mixture(MixtureSettings(ngram_weight=0.5), PackedNgrams(SINGLES, (level_of([0] * 6, [], []),))),
    ],
    ids=["both", "gates", "cache", "a gate", "single tokens", "an empty level"],
)
def test_a_mixture_is_read_as_it_was_written(tmp_path: Path, bundle: Bundle, mixture: Mixture) -> None:
    write_bundle(tmp_path / "mixed", replace(bundle, mixture=mixture))
    assert ("ngrams.bin" in sealed_directory.read(tmp_path / "mixed")) is (mixture.ngrams is not None)
    again = read_bundle(tmp_path / "mixed").mixture
    assert again is not None
    assert (again.settings, arrays_of(again.ngrams)) == (mixture.settings, arrays_of(mixture.ngrams))
    assert again.gates == mixture.gates
    num_ngrams = mixture.ngrams.num_ngrams if mixture.ngrams else []
    assert read_mixture(tmp_path / "mixed") == (mixture.settings, num_ngrams, mixture.gates)


def test_n_grams_of_some_weight_must_be_there() -> None:
    with pytest.raises(BundleError, match=r"`ngram_weight` 0, but has 0\.25; give it n-grams"):
        Mixture(SETTINGS)


def test_a_bundle_without_a_mixture_has_none(path: Path) -> None:
    assert not {"mixture.json", "ngrams.bin"} & sealed_directory.read(path).keys()
    assert read_bundle(path).mixture is None
    assert read_mixture(path) is None


@pytest.mark.parametrize(("size", "kind"), [(2**16, "uint16"), (2**16 + 1, "uint32")])
def test_tokens_are_as_wide_as_the_vocabulary_needs(size: int, kind: str) -> None:
    sizes = np.zeros(size, token_type(size))
    sizes[-1] = 1
    pair = NgramLevel(sizes, np.array([size - 1], token_type(size)), np.array([9], np.uint8))
    ngrams = PackedNgrams(np.full(size, 1 / size, np.float32), (pair,))
    again = PackedNgrams.from_bytes(ngrams.to_bytes(), size, [1])
    assert arrays_of(again) == arrays_of(ngrams)
    assert again.levels[0].tokens.dtype.name == kind
    assert len(ngrams.to_bytes()) == ngram_bytes(size, [1])


def put(name: str, data: bytes) -> Change:
    return lambda files: {**files, name: data}


def drop(name: str) -> Change:
    return lambda files: {other: data for other, data in files.items() if other != name}


def singles(*values: float) -> Change:
    return put("ngrams.bin", replace(NGRAMS, singles=np.array(values, np.float32)).to_bytes())


def pairs(**changes: list[int]) -> Change:
    """Change arrays of the pairs; none becomes longer or shorter."""
    arrays = {name: np.array(values, getattr(PAIRS, name).dtype) for name, values in changes.items()}
    return put("ngrams.bin", replace(NGRAMS, levels=(PAIRS._replace(**arrays), TRIPLES)).to_bytes())


def table(**changes: Any) -> Change:
    return put("mixture.json", json.dumps({**json.loads(JSON), **changes}).encode())


def gates(**changes: Any) -> Change:
    return table(format=2, gates={**GATES._asdict(), **changes})


def options(**changes: Any) -> Change:
    return table(settings={**SETTINGS.to_table(), **changes})


def swap(old: bytes, new: bytes) -> Change:
    assert JSON.count(old) == 1
    return put("mixture.json", JSON.replace(old, new))


SUM, ORDER = "probabilities of the single tokens that sum to 1", "the tokens of each context once and in order"
KEYS = "must hold `format`, `settings`, `num_ngrams` and at most `gates`, and nothing else"
NUMBERS = "whole numbers from 0 on"
GATED = "must hold `gates` as `ngram` and `cache`, each a list of numbers from -1e+09 to 1e+09"

HOSTILE: dict[str, tuple[Change, str]] = {
    # files
    "n-grams alone": (drop("mixture.json"), "must hold `mixture.json` if it holds `ngrams.bin`"),
    "no n-grams": (
        lambda files: drop("ngrams.bin")(options(ngram_weight=0.0)(files)),
        "`num_ngrams` null without `ngrams.bin`",
    ),
    "a weight of no n-grams": (
        lambda files: drop("ngrams.bin")(table(num_ngrams=None)(files)),
        "`mixture.json` must have `ngram_weight` 0 without `ngrams.bin`, but has 0.25",
    ),
    "n-grams too many": (table(num_ngrams=None), "must hold `num_ngrams` if there is `ngrams.bin`: at most 7 whole"),
    # ngrams.bin
    "no bytes": (put("ngrams.bin", b""), "`ngrams.bin` must be 54 bytes long, but is 0"),
    "a byte too few": (put("ngrams.bin", BYTES[:-1]), "`ngrams.bin` must be 54 bytes long, but is 53"),
    "a byte too many": (put("ngrams.bin", BYTES + b"\0"), "`ngrams.bin` must be 54 bytes long, but is 55"),
    "more bytes than the weights": (put("ngrams.bin", bytes(321)), "`ngrams.bin` must be at most 320 bytes long"),
    "a count too high": (pairs(sizes=[0, 0, 2, 0, 0, 2]), "must hold an n-gram for each that it counts, 4, but has 3"),
    "a count too low": (pairs(sizes=[0, 0, 2, 0, 0, 0]), "must hold an n-gram for each that it counts, 2, but has 3"),
    "the highest counts": (pairs(sizes=[2**16 - 1] * 6), "that it counts, 393210, but has 3"),
    "an unknown token": (pairs(tokens=[3, 6, 2]), ORDER),
    "the highest token": (pairs(tokens=[3, 4, 2**16 - 1]), ORDER),
    "tokens that descend": (pairs(tokens=[4, 3, 2]), ORDER),
    "a token twice": (pairs(tokens=[3, 3, 2]), ORDER),
    "shares above 1": (pairs(shares=[10, 18, 10]), "shares that sum to at most 1 in each context"),
    "a share of 1 and another": (pairs(shares=[0, 255, 10]), "shares that sum to at most 1 in each context"),
    "a negative single": (singles(-0.25, 0.75, 0.125, 0.125, 0.125, 0.125), SUM),
    "a single that is NaN": (singles(np.nan, 0.25, 0.125, 0.125, 0.125, 0.125), SUM),
    "a single that signals": (put("ngrams.bin", b"\1\0\xa0\x7f" + BYTES[4:]), SUM),
    "a single that is infinite": (singles(np.inf, 0.25, 0.125, 0.125, 0.125, 0.125), SUM),
    "singles that cancel": (singles(np.inf, -np.inf, 0.25, 0.25, 0.25, 0.25), SUM),
    "singles of sum 0": (singles(0, 0, 0, 0, 0, 0), SUM),
    "singles of sum 0.998": (singles(0.248, 0.25, 0.125, 0.125, 0.125, 0.125), SUM),
    "singles of sum 1.002": (singles(0.252, 0.25, 0.125, 0.125, 0.125, 0.125), SUM),
    # mixture.json
    "no JSON": (put("mixture.json", b"ngrams"), "`mixture.json` must be JSON"),
    "a list": (put("mixture.json", b"[1]"), KEYS),
    "a key too few": (put("mixture.json", b'{"format": 1, "settings": {}}'), KEYS),
    "a key too many": (table(module="os"), KEYS),
    "a key twice": (swap(b'"format": 1', b'"format": 1, "format": 1'), "must not name 'format' twice"),
    "too long": (put("mixture.json", JSON + b" " * 2**13), "`mixture.json` must be at most 4416 bytes long"),
    "too deep": (table(num_ngrams=[3, [[1]]]), "`mixture.json` must be nested at most 3 deep"),
    "a later format": (table(format=2), "`mixture.json` must have the format 1, but has 2"),
    "gates of a later format": (table(format=3, gates=GATES._asdict()), "must have the format 2, but has 3"),
    "gates in a list": (table(format=2, gates=[[], []]), GATED),
    "a gate too few": (table(format=2, gates={"ngram": []}), GATED),
    "a gate too many": (gates(temperature=[]), GATED),
    "a gate in words": (gates(ngram="0.5"), GATED),
    "a gate of words": (gates(ngram=["0.5"] * 5), GATED),
    "a gate that is true": (gates(cache=[True] * 5), GATED),
    "a gate of huge numbers": (gates(cache=[1e10] * 5), GATED),
    "a gate of another network": (gates(cache=[0.5] * 4), "the gates of the mixture must have 5 numbers"),
    "a format that is true": (table(format=True), "must have the format 1, but has True"),
    "a format with a fraction": (table(format=1.0), "must have the format 1, but has 1.0"),
    "settings in a list": (table(settings=[]), "must hold its settings as an object"),
    "an unknown setting": (options(path="/etc/passwd"), "`path` is not a setting of [mixture]"),
    "a weight of 1": (options(ngram_weight=1.0), "`ngram_weight` must be below 1.0, but is 1.0"),
    "a negative weight": (options(cache_weight=-0.1), "`cache_weight` must be at least 0.0, but is -0.1"),
    "a weight in words": (options(ngram_weight="0.1"), "`ngram_weight` must be of type float"),
    "a weight that is true": (options(ngram_weight=True), "`ngram_weight` must be of type float"),
    "a weight that is null": (options(ngram_weight=None), "`ngram_weight` must be of type float"),
    "a weight that is NaN": (options(ngram_weight=np.nan), "must hold finite numbers only, but holds NaN"),
    "a weight that overflows": (swap(b"0.25", b"1e999"), "must hold numbers below 1.8e308 only"),
    "a cache of none": (options(cache_size=0), "`cache_size` must be at least 1, but is 0"),
    "a huge cache": (options(cache_size=2**16 + 1), "`cache_size` must be at most 65536"),
    "a delay beyond the cache": (
        options(cache_size=5, cache_delay=8),
        "`cache_delay` must be below `cache_size`, 5, but is 8",
    ),
    "a negative delay": (options(cache_delay=-1), "`cache_delay` must be at least 0, but is -1"),
    "half a token": (options(cache_size=1.5), "`cache_size` must be of type int"),
    "a huge theta": (options(cache_theta=1001), "`cache_theta` must be at most 1000.0"),
    "a huge sentinel": (options(cache_sentinel=1e31), "`cache_sentinel` must be at most 1e+30"),
    "numbers in an object": (table(num_ngrams={"2": 3}), "must hold `num_ngrams` if there is `ngrams.bin`"),
    "a length too few": (table(num_ngrams=[3]), "`ngrams.bin` must be 45 bytes long, but is 54"),
    "a length too many": (table(num_ngrams=[3, 1, 0]), "`ngrams.bin` must be 56 bytes long, but is 54"),
    "more lengths than any": (table(num_ngrams=[3, 1, 0, 0, 0, 0, 0, 0]), "`num_ngrams` if there is `ngrams.bin`"),
    "a negative number": (table(num_ngrams=[3, -1]), NUMBERS),
    "a number that is true": (table(num_ngrams=[3, True]), NUMBERS),
    "a number with a fraction": (table(num_ngrams=[3.0, 1]), NUMBERS),
    "a number in words": (table(num_ngrams=["3", 1]), NUMBERS),
    "a huge number": (table(num_ngrams=[10**17, 1]), "`ngrams.bin` must be 500000000000000039 bytes long, but is 54"),
    "a number beyond 64 bits": (table(num_ngrams=[2**70, 1]), "must hold integers of at most 18 digits"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_mixture_that_breaks_a_rule_is_rejected(path: Path, files: Files, refusal: Refusal, kind: str) -> None:
    change, message = HOSTILE[kind]
    sealed_directory.write(path, change(files), replace=True)
    assert message in refusal(path)


@pytest.mark.parametrize(
    "change",
    [
        put("ngrams.bin", BYTES),
        pairs(shares=[14, 30, 0]),
        table(),
        options(cache_theta=1),
        singles(*SINGLES),
        gates(ngram=[], cache=[1, -1_000_000_000, 0, 0.5, 3]),
    ],
)
def test_a_mixture_that_keeps_the_rules_is_accepted(path: Path, files: Files, change: Change) -> None:
    sealed_directory.write(path, change(files), replace=True)
    assert read_bundle(path).mixture is not None


def test_more_n_grams_than_a_reader_accepts_are_not_written(tmp_path: Path, bundle: Bundle) -> None:
    pairs = level_of([6] * 6, [*range(6)] * 6, [60] * 36)
    triples = level_of([3] * 36, [1, 2, 4] * 36, [60] * 108)
    ngrams = PackedNgrams(SINGLES, (pairs, triples))
    most, size = max_ngram_bytes(bundle.architecture), len(ngrams.to_bytes())
    with pytest.raises(BundleError, match=rf"`ngrams\.bin` must be at most {most} bytes long, but is {size}"):
        write_bundle(tmp_path / "large", replace(bundle, mixture=Mixture(SETTINGS, ngrams)))
    assert not (tmp_path / "large").exists()


def is_accepted(data: bytes) -> bool:
    """Read n-grams that may be damaged, and check what is accepted: all distributions sum to 1."""
    try:
        model = unpacked(PackedNgrams.from_bytes(data, SIZE, [3, 1]))
    except BundleError:
        return False
    contexts = np.stack(np.meshgrid(np.arange(SIZE), np.arange(SIZE)), axis=-1).reshape(-1, 2)
    probabilities = model.probabilities(contexts)
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-3)
    return True


def test_each_flipped_bit_is_rejected_or_makes_another_sound_model() -> None:
    flipped = [(int.from_bytes(BYTES) ^ (1 << bit)).to_bytes(len(BYTES)) for bit in range(8 * len(BYTES))]
    accepted = sum(map(is_accepted, flipped))
    assert 0 < accepted < len(flipped)


@given(st.dictionaries(st.integers(0, len(BYTES) - 1), st.integers(0, 255), max_size=6))
def test_changed_bytes_are_rejected_or_make_another_sound_model(changes: dict[int, int]) -> None:
    data = bytearray(BYTES)
    for place, value in changes.items():
        data[place] = value
    assert is_accepted(bytes(data)) or changes
