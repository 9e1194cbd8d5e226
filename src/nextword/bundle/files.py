"""The files of a bundle, how large each may be, and the history of the training run."""

import json
import math
from collections.abc import Mapping, Sequence

from nextword.bundle import mixture
from nextword.errors import BundleError, SettingError
from nextword.model.architecture import Architecture
from nextword.system import strict_json
from nextword.text.tokens import spelling

History = tuple[Mapping[str, float], ...]

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
TOKENIZER = "tokenizer.json"
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
