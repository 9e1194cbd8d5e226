"""The files of a bundle: their names, how large each may be, and three of them written and read.

`history.jsonl`, `config.json` and `weights.safetensors` come from an untrusted source. `config.json` has a closed
schema: every value in it is known and checked before anything is built from it.

`weights.safetensors` is written by the library, and read by a rule of our own that is stricter than the format. The
file is `<header length, 8 bytes little-endian> <header, JSON> <data>`. The header gives the type, the shape and the
place in the data of each weight. The architecture determines all of them except the place, and for places there is one
rule: the weights lie end to end and fill the data. The file therefore cannot decide how much memory is used, and every
byte of it has a meaning.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from nextword.bundle import mixture
from nextword.errors import BundleError, SettingError
from nextword.model.architecture import Architecture
from nextword.model.cells import Shape
from nextword.settings import Settings, setting
from nextword.system import strict_json
from nextword.text.tokens import spelling

History = tuple[Mapping[str, float], ...]
Weights = Mapping[str, NDArray[np.float32]]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

_MAX_ROUNDS, _MAX_ROW_BYTES = 10_000, 1024

MAX_HISTORY_BYTES = _MAX_ROUNDS * _MAX_ROW_BYTES


def encode_history(history: Sequence[Mapping[str, float]]) -> bytes:
    """Return the content of `history.jsonl`: the finite ones of the last 10,000 rounds."""
    rows = (row for row in history[-_MAX_ROUNDS:] if all(map(math.isfinite, row.values())))
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def decode_history(data: bytes) -> History:
    """Return the rounds in a `history.jsonl`.

    Raises:
        BundleError: The file holds anything but objects of numbers.
    """
    if data.count(b"\n") + data.count(b"\r") > _MAX_ROUNDS:
        raise BundleError(f"`history.jsonl` must hold at most {_MAX_ROUNDS:,} rounds, but holds more")
    try:
        rows = tuple(strict_json.parse(line, max_bytes=_MAX_ROW_BYTES, max_depth=1) for line in data.splitlines())
    except ValueError as error:
        raise BundleError(f"`history.jsonl` {error}") from error
    if not all(isinstance(row, dict) and {type(value) for value in row.values()} <= {int, float} for row in rows):
        raise BundleError("`history.jsonl` must hold an object of numbers in each line, but does not")
    return rows


CONFIG = "config.json"
TOKENIZER = "vocabulary.json"
_FORMER_TOKENIZER = "tokenizer.json"
WEIGHTS = "weights.safetensors"
CARD = "README.md"
ONNX = "model.onnx"
HISTORY = "history.jsonl"
SPELLING = spelling.FILE
MIXTURE = "mixture.json"
NGRAMS = "ngrams.bin"

MAX_BYTES = 2**33
"""The largest total size of a bundle, unless a reader allows less."""

MAX_CONFIG_BYTES = 2**16
MAX_WEIGHTS_HEADER_BYTES = 2**16
MAX_CARD_BYTES = 2**20

_BYTES_A_TOKEN = 1024
_REQUIRED = frozenset([CONFIG, TOKENIZER, CARD])
_MODELS = frozenset([WEIGHTS, ONNX])
"""A bundle holds at least one of them; a slim bundle holds `model.onnx` only."""

_OPTIONAL = frozenset([HISTORY, SPELLING, MIXTURE, NGRAMS])


def num_weight_bytes(architecture: Architecture) -> int:
    """Return the size of the weights in float32, in bytes."""
    return 4 * architecture.num_parameters


def max_onnx_bytes(architecture: Architecture) -> int:
    """Return the largest size of `model.onnx`: the weights, a tied embedding counted twice, and the graph."""
    return 2**20 + 2 * num_weight_bytes(architecture)


def max_ngram_bytes(architecture: Architecture) -> int:
    """Return the largest size of `ngrams.bin`: that of the weights in eight bits."""
    return architecture.num_parameters


def require_storable(architecture: Architecture) -> None:
    """Refuse a model that is too large for a bundle, before it is trained."""
    num_bytes = num_weight_bytes(architecture)
    if num_bytes > MAX_BYTES // 2:  # the other half is for `model.onnx`
        raise SettingError(
            f"a model must take at most {MAX_BYTES // 2 / 1e9:.1f} GB, but its {num_bytes // 4:,} weights take "
            f"{num_bytes / 1e9:.1f}; make the layers or the vocabulary smaller"
        )


def check_names(names: Mapping[str, object]) -> None:
    """Refuse a directory that lacks a file of a bundle, or that holds another file."""
    if _FORMER_TOKENIZER in names:
        raise BundleError(
            f"a bundle must hold `{TOKENIZER}`, but holds `{_FORMER_TOKENIZER}` of an earlier version of nextword; "
            "train the model again"
        )
    for name in sorted(_REQUIRED - names.keys()):
        raise BundleError(f"a bundle must hold `{name}`, but does not")
    if not names.keys() & _MODELS:
        raise BundleError(f"a bundle must hold `{WEIGHTS}` or `{ONNX}`, but holds neither")
    if NGRAMS in names and MIXTURE not in names:
        raise BundleError(f"a bundle must hold `{MIXTURE}` if it holds `{NGRAMS}`, but does not")
    for name in sorted(names.keys() - _REQUIRED - _MODELS - _OPTIONAL):
        raise BundleError(f"a bundle must not hold `{name}`, but does")


def check_size(name: str, size: int, max_bytes: int) -> None:
    """Refuse a file that is too long for its name."""
    if size > max_bytes:
        raise BundleError(f"`{name}` must be at most {max_bytes} bytes long, but is {size}")


def check_sizes(sizes: Mapping[str, int], architecture: Architecture) -> None:
    """Refuse files that are longer than a model of this architecture can need, or too short to hold it."""
    num_bytes = num_weight_bytes(architecture)
    limits = {
        CARD: MAX_CARD_BYTES,
        TOKENIZER: 2**16 + _BYTES_A_TOKEN * architecture.vocabulary_size,
        HISTORY: MAX_HISTORY_BYTES,
        SPELLING: spelling.MAX_BYTES,
        MIXTURE: mixture.max_settings_bytes(architecture.hidden_sizes[-1]),
        NGRAMS: max_ngram_bytes(architecture),
        WEIGHTS: 8 + MAX_WEIGHTS_HEADER_BYTES + num_bytes,
        ONNX: max_onnx_bytes(architecture),
    }
    for name, most in limits.items():
        check_size(name, sizes.get(name, 0), most)
    if WEIGHTS in sizes:
        _check_holds(WEIGHTS, sizes[WEIGHTS], 8 + num_bytes, f"the {num_bytes} bytes of the architecture's weights")
    else:
        num_weights = architecture.num_parameters
        _check_holds(ONNX, sizes[ONNX], num_weights, f"the architecture's {num_weights} weights, a byte each")


def _check_holds(name: str, size: int, min_bytes: int, what: str) -> None:
    if size < min_bytes:
        raise BundleError(f"`{name}` must hold {what}, but is {size} bytes long")


def check_name(name: str) -> None:
    """Refuse a name that could not be the name of a file."""
    if not _NAME.fullmatch(name):
        raise BundleError(
            f"`name` must be 1 to 64 letters, digits, dots, dashes or underscores, but is {name[:80]!a}; choose another"
        )


_FORMAT = 1
_NAMES = frozenset(["format", "name", "architecture", "tokenizer"])


@dataclass(frozen=True, kw_only=True)
class TokenizerConfig(Settings):
    """Settings of a bundle's tokenizer, besides its vocabulary."""

    group: ClassVar[str] = "tokenizer"

    kind: Literal["pretokenized", "word", "subword", "character"] = setting(help="How text is cut into tokens.")
    line_ends: Literal["line", "paragraph"] = setting(help="What `<eos>` stands for.")


@dataclass(frozen=True)
class BundleConfig:
    """The content of `config.json`."""

    name: str
    architecture: Architecture
    tokenizer: TokenizerConfig


def encode_config(config: BundleConfig) -> bytes:
    """Return the content of `config.json`."""
    table = {
        "format": _FORMAT,
        "name": config.name,
        "architecture": config.architecture.to_table(),
        "tokenizer": config.tokenizer.to_table(),
    }
    return (json.dumps(table, indent=2, allow_nan=False) + "\n").encode("utf-8")


def decode_config(data: bytes) -> BundleConfig:
    """Return the content of a `config.json` from an untrusted source.

    Raises:
        BundleError: The file is ambiguous or not JSON, has another format, or holds a value that is unknown or refused.
    """
    try:
        table = strict_json.parse(data, max_bytes=MAX_CONFIG_BYTES)
        _check_table(table)
        check_name(table["name"])
        return BundleConfig(
            table["name"],
            Architecture.from_table(table["architecture"]),
            TokenizerConfig.from_table(table["tokenizer"]),
        )
    except ValueError as error:
        raise BundleError(f"`{CONFIG}` {error}") from error
    except SettingError as error:
        raise BundleError(f"`{CONFIG}` is refused: {error}") from error


def _check_table(table: Any) -> None:
    if not isinstance(table, dict) or table.keys() != _NAMES:
        raise ValueError(f"must hold {', '.join(sorted(_NAMES))} and nothing else")
    if type(table["format"]) is not int or table["format"] != _FORMAT:
        raise ValueError(f"must be of format {_FORMAT}, but is of {table['format']!a:.40}; use a newer nextword")
    for name, kind in {"name": str, "architecture": dict, "tokenizer": dict}.items():
        if not isinstance(table[name], kind):
            raise ValueError(f"must give `{name}` as a {kind.__name__}, but gives {table[name]!a:.40}")


def encode_weights(weights: Weights) -> bytes:
    """Return the content of `weights.safetensors`."""
    # The library reads the memory of an array in order and ignores its strides.
    return safetensors.numpy.save({name: np.asarray(weight, order="C") for name, weight in weights.items()})


def decode_weights(data: bytes, architecture: Architecture) -> Weights:
    """Return the weights in `data`, as read-only views of it."""
    num_bytes, header_length = num_weight_bytes(architecture), int.from_bytes(data[:8], "little")
    try:
        if 8 + header_length + num_bytes != len(data):
            raise ValueError(
                f"must be 8 bytes, a header and {num_bytes} bytes of weights long, but is {len(data)} with a header "
                f"of {header_length}"
            )
        header = strict_json.parse(data[8 : 8 + header_length], max_bytes=MAX_WEIGHTS_HEADER_BYTES, max_depth=3)
        starts = _starts(header, architecture.weight_shapes())
    except ValueError as error:
        raise BundleError(f"`{WEIGHTS}` {error}") from error
    return {
        name: np.frombuffer(data, "<f4", math.prod(shape), 8 + header_length + starts[name]).reshape(shape)
        for name, shape in architecture.weight_shapes().items()
    }


def _starts(header: Any, shapes: Mapping[str, Shape]) -> dict[str, int]:
    """Return the place in the data where each weight begins, after checking that they fill the data end to end."""
    if not isinstance(header, dict):
        raise ValueError("must have a header with a table of weights, but does not")
    for name in sorted(header.keys() ^ shapes.keys()):
        raise ValueError(f"must hold the weights of the architecture, but {name[:80]!a} is missing or one too many")
    spans = {name: _span(name, header[name], shape) for name, shape in shapes.items()}
    end = 0
    for name, (start, stop) in sorted(spans.items(), key=lambda item: item[1]):
        if start != end or stop - start != 4 * math.prod(shapes[name]):
            raise ValueError(f"must hold the weights end to end, but `{name}` is at {start} to {stop}")
        end = stop
    return {name: start for name, (start, _) in spans.items()}


def _span(name: str, entry: Any, shape: Shape) -> tuple[int, int]:
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"must give `{name}` a `dtype`, a `shape` and `data_offsets`, and nothing else")
    if entry["dtype"] != "F32":
        raise ValueError(f"must hold `{name}` as F32, but holds it as {entry['dtype']!a:.40}")
    if not _is_integers(entry["shape"]) or tuple(entry["shape"]) != shape:
        raise ValueError(f"must hold `{name}` in the shape {shape}, but holds it in {entry['shape']!a:.40}")
    offsets = entry["data_offsets"]
    if not _is_integers(offsets) or len(offsets) != 2:
        raise ValueError(f"must give `{name}` two `data_offsets`, but gives {offsets!a:.40}")
    return offsets[0], offsets[1]


def _is_integers(value: Any) -> bool:
    return isinstance(value, list) and all(type(element) is int for element in value)
