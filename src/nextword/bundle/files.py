"""The files of a bundle and how large each may be."""

from collections.abc import Mapping

from nextword.architecture import Architecture
from nextword.errors import BundleError, SettingError

CONFIG = "config.json"
TOKENIZER = "tokenizer.json"
WEIGHTS = "weights.safetensors"
CARD = "README.md"
ONNX = "model.onnx"

MAX_BYTES = 2**33
"""The most that all files of a bundle may take together, unless a reader allows less."""

MAX_CONFIG_BYTES = 2**16
MAX_WEIGHTS_HEADER_BYTES = 2**16
MAX_CARD_BYTES = 2**20

_BYTES_A_TOKEN = 1024
_REQUIRED = frozenset([CONFIG, TOKENIZER, WEIGHTS, CARD])


def num_weight_bytes(architecture: Architecture) -> int:
    """Return how many bytes the weights themselves take, in float32."""
    return 4 * architecture.num_parameters


def max_onnx_bytes(architecture: Architecture) -> int:
    """Return the most bytes that `model.onnx` may take: its weights, those of a tied embedding twice, and the graph."""
    return 2**20 + 2 * num_weight_bytes(architecture)


def require_storable(architecture: Architecture) -> None:
    """Refuse a model that no bundle can hold, before it is trained.

    Raises:
        SettingError: The weights take more than a bundle may.
    """
    num_bytes = num_weight_bytes(architecture)
    if num_bytes > MAX_BYTES // 2:  # the other half is for `model.onnx`
        raise SettingError(
            f"a model must take at most {MAX_BYTES // 2 / 1e9:.1f} GB, but its {num_bytes // 4:,} weights take "
            f"{num_bytes / 1e9:.1f}; make the layers or the vocabulary smaller"
        )


def check_names(names: Mapping[str, object]) -> None:
    """Refuse a directory that lacks a file of a bundle, or holds another.

    Raises:
        BundleError: A file is missing or one too many.
    """
    for name in sorted(_REQUIRED - names.keys()):
        raise BundleError(f"a bundle must hold `{name}`, but does not")
    for name in sorted(names.keys() - _REQUIRED - {ONNX}):
        raise BundleError(f"a bundle must not hold `{name}`, but does")


def check_size(name: str, size: int, max_bytes: int) -> None:
    """Refuse a file that is too long to be what its name says.

    Raises:
        BundleError: The file is too long.
    """
    if size > max_bytes:
        raise BundleError(f"`{name}` must be at most {max_bytes} bytes long, but is {size}")


def check_sizes(sizes: Mapping[str, int], architecture: Architecture) -> None:
    """Refuse files that are longer than a model of this architecture can need, or too short to hold it.

    Raises:
        BundleError: A file is too long or too short.
    """
    num_bytes = num_weight_bytes(architecture)
    check_size(CARD, sizes[CARD], MAX_CARD_BYTES)
    check_size(TOKENIZER, sizes[TOKENIZER], 2**16 + _BYTES_A_TOKEN * architecture.vocabulary_size)
    check_size(WEIGHTS, sizes[WEIGHTS], 8 + MAX_WEIGHTS_HEADER_BYTES + num_bytes)
    if sizes[WEIGHTS] < 8 + num_bytes:
        raise BundleError(
            f"`{WEIGHTS}` must hold the {num_bytes} bytes of the architecture's weights, but is {sizes[WEIGHTS]} long"
        )
    if ONNX in sizes:
        check_size(ONNX, sizes[ONNX], max_onnx_bytes(architecture))
