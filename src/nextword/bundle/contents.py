"""`config.json` and `weights.safetensors`: written, and read from an untrusted source.

`config.json` has a closed schema. Every value in it is known and checked before anything is built from it.

`weights.safetensors` is written by the library, and read by a rule of our own that is stricter than the format. The
file is `<header length, 8 bytes little-endian> <header, JSON> <data>`. The header gives the type, the shape and the
place in the data of each weight. The architecture determines all of them except the place, and for places there is one
rule: the weights lie end to end and fill the data. The file therefore cannot decide how much memory is used, and every
byte of it has a meaning.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import safetensors.numpy

from nextword.bundle.bundle import Weights, check_name
from nextword.bundle.files import CONFIG, MAX_CONFIG_BYTES, MAX_WEIGHTS_HEADER_BYTES, WEIGHTS, num_weight_bytes
from nextword.errors import BundleError, SettingError
from nextword.model.architecture import Architecture
from nextword.model.cells import Shape
from nextword.settings import Settings, setting
from nextword.system import strict_json

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
