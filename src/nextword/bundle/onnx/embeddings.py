"""The embedding matrix of a `model.onnx`, for models that are stored without their float32 weights."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from nextword.bundle.files import ONNX
from nextword.bundle.onnx.file import check_onnx_file
from nextword.bundle.onnx.graph import GRAPH_FIELDS, MODEL_FIELDS, TENSOR_FIELDS
from nextword.bundle.onnx.protobuf import Value, fields, message, numbers
from nextword.errors import BundleError
from nextword.model.architecture import Architecture

EMBEDDINGS = "embeddings"
"""The name of the matrix in the graph. In int8 the names are this one with a suffix: see `quantized_names`."""

# Numbers of fields and of types in onnx.proto.
_DATA_TYPE, _FLOATS, _INTEGERS, _NAME, _RAW = 2, 4, 5, 8, 9
_FLOAT32 = 1
_EIGHT_BITS: Mapping[int, type[np.uint8 | np.int8]] = {2: np.uint8, 3: np.int8}

Tensor = Mapping[int, Value]
"""The fields of a tensor by number, each with its last value."""


def quantized_names(name: str) -> tuple[str, str, str]:
    """Return the names of a matrix in eight bits, of its scale, and of the number that stands for zero."""
    return f"{name}_quantized", f"{name}_scale", f"{name}_zero_point"


def read_embeddings(data: bytes, architecture: Architecture) -> NDArray[np.float32]:
    """Return the embedding matrix `(V, E)` of a model.

    Args:
        data: The content of `model.onnx`, from any source.
        architecture: The description of the network.

    Raises:
        BundleError: The file is refused, or holds no embedding matrix of this size.
    """
    check_onnx_file(data, architecture)
    try:
        embeddings = _embeddings(read_tensors(data), (architecture.vocabulary_size, architecture.embedding_size))
        if not np.isfinite(embeddings).all():
            raise ValueError("must hold finite numbers in its embedding matrix, but holds others")
        return embeddings
    except ValueError as error:
        raise BundleError(f"`{ONNX}` {error}; export the model again") from error


def _embeddings(tensors: Mapping[str, Tensor], shape: tuple[int, int]) -> NDArray[np.float32]:
    quantized, scale, zero_point = quantized_names(EMBEDDINGS)
    if tensors.get(EMBEDDINGS, {}).get(_DATA_TYPE) == _FLOAT32:
        return _matrix(tensors[EMBEDDINGS], np.float32, shape)
    data_type = tensors.get(quantized, {}).get(_DATA_TYPE)
    kind = _EIGHT_BITS.get(data_type) if isinstance(data_type, int) else None
    if kind is None or not {scale, zero_point} <= tensors.keys():
        raise ValueError("must hold an embedding matrix, but does not")
    steps = _matrix(tensors[quantized], kind, shape).astype(np.float32)
    with np.errstate(over="ignore"):  # an infinite number is refused afterwards
        return (steps - np.float32(_zero_point(tensors[zero_point], kind))) * _scale(tensors[scale])


def read_tensors(data: bytes) -> dict[str, Tensor]:
    """Return the constants of the graph of a model by name.

    Raises:
        ValueError: The file is refused. The message continues a sentence that begins with the name of the file.
    """
    found: dict[str, Tensor] = {}
    for number, graph in fields(memoryview(data), MODEL_FIELDS, "a model"):
        if number != 7:
            continue
        for part, value in fields(graph, GRAPH_FIELDS, "a graph"):
            if part == 5:
                tensor = dict(fields(value, TENSOR_FIELDS, "a tensor"))
                found[bytes(message(tensor.get(_NAME, memoryview(b"")))).decode("latin-1")] = tensor
    return found


def _matrix[Number: np.generic](tensor: Tensor, kind: type[Number], shape: tuple[int, int]) -> NDArray[Number]:
    raw = bytes(message(tensor.get(_RAW, memoryview(b""))))
    expected = shape[0] * shape[1] * np.dtype(kind).itemsize
    if len(raw) != expected:
        raise ValueError(f"must hold an embedding matrix of {expected} bytes, but its matrix has {len(raw)}")
    return np.frombuffer(raw, np.dtype(kind).newbyteorder("<")).reshape(shape).astype(kind, copy=False)


def _scale(tensor: Tensor) -> np.float32:
    raw = bytes(message(tensor.get(_FLOATS) or tensor.get(_RAW) or memoryview(b"")))
    scale = np.frombuffer(raw, "<f4") if len(raw) == 4 else np.array([np.nan], np.float32)
    if not np.isfinite(scale[0]):
        raise ValueError("must hold a finite scale for its embedding matrix, but does not")
    return np.float32(scale[0])


def _zero_point(tensor: Tensor, kind: type[np.uint8 | np.int8]) -> int:
    raw = tensor.get(_RAW)
    values = iter(message(raw)) if raw else numbers(tensor.get(_INTEGERS, 0))
    return int(np.array([next(values, 0) & 255], np.uint8).view(kind)[0])
