"""The weights of a `model.onnx`, by the names of the architecture, without the package onnx.

The graph stores them in the layouts of its operators, see `nextword.export`:

- An operator for a layer, which is in float32, has the gates one after another in the order of ONNX, with one row for
  each output.
- The body of a loop, and a projection, have the layout of the architecture: one column for each output.
- The embedding matrix has one row for each token.

Here a matrix has one row for each output, and the gates are in the order of the architecture.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nextword.bundle.files import ONNX
from nextword.bundle.onnx_file import (
    EMBEDDINGS,
    GRAPH_FIELDS,
    MODEL_FIELDS,
    TENSOR_FIELDS,
    Value,
    check_onnx_file,
    fields,
    message,
    quantized_names,
)
from nextword.errors import BundleError
from nextword.model.architecture import Architecture
from nextword.model.cells import CELLS, Shape

MAX_STEPS = 127


@dataclass(frozen=True, eq=False)
class PackedMatrix:
    """A matrix of `O` rows, one for each output of the product: each row of steps, times its scale."""

    steps: NDArray[np.int8]  # whole numbers `(O, I)`, int8
    scales: NDArray[np.float32]  # the size of a step, for each row `(O,)` or for all `(1,)`, float32

    @classmethod
    def rounded(cls, rows: NDArray[np.float32]) -> Self:
        """Return a matrix `(O, I)` with each row rounded to 127 steps in both directions."""
        most = np.abs(rows).max(axis=1)
        scales = (most / MAX_STEPS).astype(np.float32)
        divisors = np.where(scales > 0, scales, np.float32(1))
        steps = np.clip(np.rint(rows / divisors[:, None]), -MAX_STEPS, MAX_STEPS)
        return cls(np.ascontiguousarray(steps, np.int8), scales)

    @property
    def num_bytes(self) -> int:
        """Bytes of steps and scales."""
        return self.steps.nbytes + self.scales.nbytes

    def to_floats(self) -> NDArray[np.float32]:
        """Return the numbers `(O, I)` that the page computes with."""
        return self.steps.astype(np.float32) * self.scales[:, None]


Floats = NDArray[np.float32]
PackedWeight = PackedMatrix | Floats
"""A matrix in eight bits, or a vector; as it is stored, a matrix may be in float32 too."""

# Numbers of fields and of types in onnx.proto.
_DATA_TYPE, _NAME, _RAW = 2, 8, 9
_FLOAT32, _INT8 = 1, 3

Tensor = Mapping[int, Value]
"""The fields of a tensor by number, each with its last value."""


def onnx_weights(data: bytes, architecture: Architecture) -> dict[str, PackedWeight]:
    """Return the weights of a `model.onnx`: matrices with one row for each output `(O, I)`, and vectors.

    Integers and scales of a matrix in eight bits stay as they are. A matrix in float32 is rounded.
    """
    stored = _stored_weights(data, architecture, architecture.weight_shapes())
    return {name: _packed(weight) for name, weight in stored.items()}


def onnx_floats(data: bytes, architecture: Architecture, names: Iterable[str]) -> dict[str, Floats]:
    """Return weights of a `model.onnx` in the shapes of the architecture. Matrices in eight bits are dequantized.

    Raises:
        BundleError: The file is refused, or a weight is missing or has another size.
    """
    stored = _stored_weights(data, architecture, names)
    return {name: _floats_of(name, weight) for name, weight in stored.items()}


def _stored_weights(data: bytes, architecture: Architecture, names: Iterable[str]) -> dict[str, PackedWeight]:
    check_onnx_file(data, architecture)
    try:
        reader = _Reader(_read_tensors(data), architecture)
        return {name: reader.weight(name) for name in names}
    except ValueError as error:
        raise BundleError(f"`{ONNX}` {error}; export the model again") from error


def _read_tensors(data: bytes) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for number, graph in fields(memoryview(data), MODEL_FIELDS, "a model"):
        if number != 7:
            continue
        for part, value in fields(graph, GRAPH_FIELDS, "a graph"):
            if part == 5:
                tensor = dict(fields(value, TENSOR_FIELDS, "a tensor"))
                found[bytes(message(tensor.get(_NAME, memoryview(b"")))).decode("latin-1")] = tensor
    return found


def _packed(weight: PackedWeight) -> PackedWeight:
    if isinstance(weight, PackedMatrix) or weight.ndim == 1:
        return weight
    return PackedMatrix.rounded(weight)


def _floats_of(name: str, weight: PackedWeight) -> Floats:
    rows = weight.to_floats() if isinstance(weight, PackedMatrix) else weight
    return rows if rows.ndim == 1 or name.startswith("embedding/") else np.ascontiguousarray(rows.T)


class _Reader:
    def __init__(self, tensors: Mapping[str, Tensor], architecture: Architecture) -> None:
        self._tensors = tensors
        self._cell = architecture.cell
        self._shapes = architecture.weight_shapes()
        has_operator = f"{self._cell}_weights_0_kernel" in tensors
        self._order = CELLS[self._cell].onnx_gates if has_operator else ()

    def weight(self, name: str) -> PackedWeight:
        layer, _, kind = name.partition("/")
        shape = self._shapes[name]
        if layer == "embedding":
            return self._matrix(EMBEDDINGS, shape, has_output_rows=True)
        if layer == "projection":
            return self._plain(f"projection_{kind}", shape)
        index = layer.rpartition("_")[2]
        if self._order:
            return self._of_operator(f"{self._cell}_weights_{index}_{kind}", kind, shape, self._order)
        return self._plain(f"layer_{index}_{kind}", shape)

    def _plain(self, name: str, shape: Shape) -> PackedWeight:
        """Return a vector, or a matrix that is stored with one column for each output."""
        return self._floats(name, shape) if len(shape) == 1 else self._matrix(name, shape, has_output_rows=False)

    def _of_operator(self, name: str, kind: str, shape: Shape, order: tuple[int, ...]) -> PackedWeight:
        rows = _rows_of_gates(order, shape[-1])
        if kind == "bias":  # of the input, and then of the recurrence, which is zero
            return self._floats(name, (2 * shape[0],))[: shape[0]][rows]
        return self._floats(name, shape[::-1])[rows]

    def _matrix(self, name: str, shape: Shape, *, has_output_rows: bool) -> PackedWeight:
        """Return the rows `(O, I)` of a matrix that is stored with one row or with one column for each output."""
        quantized, scale = quantized_names(name)
        if quantized not in self._tensors:
            floats = self._floats(name, shape)
            return floats if has_output_rows else floats.T
        tensor = self._tensors[quantized]
        if tensor.get(_DATA_TYPE) != _INT8:
            raise ValueError(f"must hold `{name}` in eight bits, but does not")
        steps = _array(quantized, tensor, np.int8, shape)
        steps = steps if has_output_rows else np.ascontiguousarray(steps.T)
        return PackedMatrix(steps, self._scales(scale, len(steps)))

    def _scales(self, name: str, count: int) -> Floats:
        raw = bytes(message(self._tensor(name).get(_RAW, memoryview(b""))))
        if len(raw) not in (4, 4 * count):
            raise ValueError(f"must hold the scales of its matrices, but `{name}` has {len(raw)} bytes")
        scales = np.frombuffer(raw, "<f4").astype(np.float32)
        if not (np.abs(scales) <= np.finfo(np.float32).max / 128).all():
            raise ValueError(f"must hold finite numbers, but `{name}` makes others")
        return scales

    def _floats(self, name: str, shape: Shape) -> Floats:
        tensor = self._tensor(name)
        if tensor.get(_DATA_TYPE) != _FLOAT32:
            raise ValueError(f"must hold `{name}` in float32, but does not")
        return _finite(name, _array(name, tensor, np.float32, shape))

    def _tensor(self, name: str) -> Tensor:
        if name not in self._tensors:
            raise ValueError(f"must hold `{name}`, but does not")
        return self._tensors[name]


def _array[Number: np.generic](name: str, tensor: Tensor, kind: type[Number], shape: Shape) -> NDArray[Number]:
    raw = bytes(message(tensor.get(_RAW, memoryview(b""))))
    expected = int(np.prod(shape)) * np.dtype(kind).itemsize
    if len(raw) != expected:
        raise ValueError(f"must hold `{name}` in {expected} bytes, but it has {len(raw)}")
    return np.frombuffer(raw, np.dtype(kind).newbyteorder("<")).reshape(shape).astype(kind, copy=False)


def _finite(name: str, array: Floats) -> Floats:
    if not np.isfinite(array).all():
        raise ValueError(f"must hold finite numbers, but `{name}` holds others")
    return array


def _rows_of_gates(order: tuple[int, ...], width: int) -> NDArray[np.intp]:
    """Return which row of the gates in the order of ONNX is each of ours."""
    gates = np.split(np.arange(width), len(order))
    return np.concatenate([gates[order.index(place)] for place in range(len(order))])
