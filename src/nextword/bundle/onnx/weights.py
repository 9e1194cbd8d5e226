"""The weights of a `model.onnx`, by the names of the architecture, without the package onnx.

The graph stores them in the layouts of its operators, see `nextword.export`:

- An operator for a layer has the gates one after another in the order of ONNX, with one row for each output. In eight
  bits, an LSTM has one column for each output instead.
- The body of a loop, and a projection, have the layout of the architecture: one column for each output.
- The embedding matrix has one row for each token.

Here a matrix has one row for each output, and the gates are in the order of the architecture.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nextword.bundle.files import ONNX
from nextword.bundle.onnx.embeddings import EMBEDDINGS, Tensor, quantized_names, read_tensors
from nextword.bundle.onnx.file import check_onnx_file
from nextword.bundle.onnx.protobuf import message, numbers
from nextword.errors import BundleError, ExportError
from nextword.model.architecture import Architecture
from nextword.model.cells import Shape

MAX_STEPS = 127

_UNSIGNED = 128
"""The difference between unsigned steps and those that are stored."""


@dataclass(frozen=True, eq=False)
class PackedMatrix:
    """A matrix of `O` rows, one for each output of the product: each row of steps from zero, times its scale.

    Attributes:
        steps: Whole numbers `(O, I)`, int8.
        scales: The size of a step, for each row `(O,)` or for all `(1,)`, float32.
        zero: The step that stands for zero.
    """

    steps: NDArray[np.int8]
    scales: NDArray[np.float32]
    zero: int = 0

    @classmethod
    def rounded(cls, rows: NDArray[np.float32]) -> Self:
        """Return a matrix `(O, I)` with each row rounded to 127 steps in both directions.

        Example:
            >>> PackedMatrix.rounded(np.array([[1.0, -0.5], [0.0, 0.0]], np.float32)).steps.tolist()
            [[127, -64], [0, 0]]
        """
        most = np.abs(rows).max(axis=1)
        scales = (most / MAX_STEPS).astype(np.float32)
        divisors = np.where(scales > 0, scales, np.float32(1))
        steps = np.clip(np.rint(rows / divisors[:, None]), -MAX_STEPS, MAX_STEPS)
        return cls(np.ascontiguousarray(steps, np.int8), scales)

    @classmethod
    def of_steps(
        cls, steps: NDArray[np.integer], scales: NDArray[np.float32], zero_points: NDArray[np.integer]
    ) -> Self:
        """Return the matrix of steps `(O, I)` in eight bits whose zero is another number, for each row or for all.

        Raises:
            ExportError: Rows have different zeros.
        """
        if (zero_points != zero_points[0]).any():
            raise ExportError("the rows of a matrix must have the same zero, but have others; export the model again")
        shift = _UNSIGNED if steps.dtype == np.uint8 else 0
        moved = steps.astype(np.int16) - shift
        return cls(np.ascontiguousarray(moved, np.int8), scales, int(zero_points[0]) - shift)

    @property
    def num_bytes(self) -> int:
        """Bytes of steps and scales."""
        return self.steps.nbytes + self.scales.nbytes

    def to_floats(self) -> NDArray[np.float32]:
        """Return the numbers `(O, I)` that the page computes with."""
        return (self.steps.astype(np.float32) - np.float32(self.zero)) * self.scales[:, None]


Floats = NDArray[np.float32]
PackedWeight = PackedMatrix | Floats
"""A matrix in eight bits, or a vector; as it is stored, a matrix may be in float32 too."""

_GATES = {"lstm": (0, 3, 1, 2), "gru": (0, 1, 2), "rnn": (0,)}
"""The place of each ONNX gate among ours, for the cells that have an operator."""

_KERNELS = ("kernel", "recurrent_kernel")

# Numbers of fields and of types in onnx.proto.
_DATA_TYPE, _FLOATS, _INTEGERS, _RAW = 2, 4, 5, 9
_FLOAT32 = 1
_EIGHT_BITS: Mapping[int, type[np.int8 | np.uint8]] = {2: np.uint8, 3: np.int8}


def onnx_weights(data: bytes, architecture: Architecture) -> dict[str, PackedWeight]:
    """Return the weights of a `model.onnx`: matrices with one row for each output `(O, I)`, and vectors.

    Integers and scales of a matrix in eight bits stay as they are. A matrix in float32 is rounded.

    Args:
        data: The content of the file, from any source.
        architecture: The description of the network.

    Raises:
        BundleError: The file is refused, or a weight is missing or has another size.
        ExportError: The rows of a matrix have different zeros.
    """
    stored = _stored_weights(data, architecture, architecture.weight_shapes())
    return {name: _packed(weight) for name, weight in stored.items()}


def onnx_floats(data: bytes, architecture: Architecture, names: Iterable[str]) -> dict[str, Floats]:
    """Return weights of a `model.onnx` in the shapes of the architecture. Matrices in eight bits are dequantized.

    Args:
        data: The content of the file, from any source.
        architecture: The description of the network.
        names: Names of weights, as in `architecture.weight_shapes()`.

    Raises:
        BundleError: The file is refused, or a weight is missing or has another size.
        ExportError: The rows of a matrix have different zeros.
    """
    stored = _stored_weights(data, architecture, names)
    return {name: _floats_of(name, weight) for name, weight in stored.items()}


def _stored_weights(data: bytes, architecture: Architecture, names: Iterable[str]) -> dict[str, PackedWeight]:
    check_onnx_file(data, architecture)
    try:
        reader = _Reader(read_tensors(data), architecture)
        return {name: reader.weight(name) for name in names}
    except ValueError as error:
        raise BundleError(f"`{ONNX}` {error}; export the model again") from error


def _packed(weight: PackedWeight) -> PackedWeight:
    if isinstance(weight, PackedMatrix) or weight.ndim == 1:
        return weight
    return PackedMatrix.rounded(weight)


def _floats_of(name: str, weight: PackedWeight) -> Floats:
    rows = weight.to_floats() if isinstance(weight, PackedMatrix) else weight
    return rows if rows.ndim == 1 or name.startswith("embedding/") else np.ascontiguousarray(rows.T)


class _Reader:
    """Finds the weights of an architecture among the constants of its graph."""

    def __init__(self, tensors: Mapping[str, Tensor], architecture: Architecture) -> None:
        self._tensors = tensors
        self._cell = architecture.cell
        self._shapes = architecture.weight_shapes()
        is_plain = not (architecture.cap_input_gate or architecture.layer_normalization)
        self._order = _GATES.get(architecture.cell) if is_plain else None

    def weight(self, name: str) -> PackedWeight:
        layer, _, kind = name.partition("/")
        shape = self._shapes[name]
        if layer == "embedding":
            return self._matrix(EMBEDDINGS, shape, has_output_rows=True)
        if layer == "projection":
            return self._plain(f"projection_{kind}", shape)
        index = layer.rpartition("_")[2]
        if self._order is not None:
            return self._of_operator(f"{self._cell}_weights_{index}_{kind}", kind, shape, self._order)
        if self._cell == "mogrifier_lstm" and kind in ("kernel", "recurrent_kernel"):
            return self._part_of_joined(layer, f"layer_{index}_joined_kernel", kind)
        return self._plain(f"layer_{index}_{kind}", shape)

    def _plain(self, name: str, shape: Shape) -> PackedWeight:
        """Return a vector, or a matrix that is stored with one column for each output."""
        return self._floats(name, shape) if len(shape) == 1 else self._matrix(name, shape, has_output_rows=False)

    def _part_of_joined(self, layer: str, name: str, kind: str) -> PackedWeight:
        """Return one of the two kernels of a layer that are stored one above the other."""
        (input_size, width), (hidden_size, _) = (self._shapes[f"{layer}/{each}"] for each in _KERNELS)
        joined = self._matrix(name, (input_size + hidden_size, width), has_output_rows=False)
        part = slice(0, input_size) if kind == _KERNELS[0] else slice(input_size, None)
        if isinstance(joined, PackedMatrix):
            return replace(joined, steps=np.ascontiguousarray(joined.steps[:, part]))
        return joined[:, part]

    def _of_operator(self, name: str, kind: str, shape: Shape, order: tuple[int, ...]) -> PackedWeight:
        rows = _rows_of_gates(order, shape[-1])
        if kind == "bias":  # of the input, and then of the recurrence, which is zero
            return self._floats(name, (2 * shape[0],))[: shape[0]][rows]
        is_quantized = quantized_names(name)[0] in self._tensors
        found = self._matrix(name, shape if is_quantized else shape[::-1], has_output_rows=not is_quantized)
        if not isinstance(found, PackedMatrix):
            return found[rows]
        scales = found.scales if len(found.scales) == 1 else found.scales[rows]
        return replace(found, steps=found.steps[rows], scales=scales)

    def _matrix(self, name: str, shape: Shape, *, has_output_rows: bool) -> PackedWeight:
        """Return the rows `(O, I)` of a matrix that is stored with one row or with one column for each output."""
        quantized, scale, zero_point = quantized_names(name)
        if quantized not in self._tensors:
            floats = self._floats(name, shape)
            return floats if has_output_rows else floats.T
        kind = self._kind_of(quantized)
        steps = _array(quantized, self._tensors[quantized], kind, shape)
        steps = steps if has_output_rows else steps.T
        scales = self._scales(scale, len(steps))
        return PackedMatrix.of_steps(steps, scales, self._zero_points(zero_point, kind, len(scales)))

    def _scales(self, name: str, count: int) -> Floats:
        tensor = self._tensor(name)
        raw = bytes(message(tensor.get(_FLOATS) or tensor.get(_RAW) or memoryview(b"")))
        if len(raw) not in (4, 4 * count):
            raise ValueError(f"must hold the scales of its matrices, but `{name}` has {len(raw)} bytes")
        return _finite(name, np.frombuffer(raw, "<f4").astype(np.float32))

    def _zero_points(self, name: str, kind: type[np.int8 | np.uint8], count: int) -> NDArray[np.int16]:
        tensor = self._tensor(name)
        found = list(message(tensor[_RAW])) if _RAW in tensor else list(numbers(tensor.get(_INTEGERS, 0)))
        if len(found) not in (1, count):
            raise ValueError(f"must hold the zero points of its matrices, but `{name}` has {len(found)}")
        return np.array([number & 255 for number in found], np.uint8).view(kind).astype(np.int16)

    def _floats(self, name: str, shape: Shape) -> Floats:
        tensor = self._tensor(name)
        if tensor.get(_DATA_TYPE) != _FLOAT32:
            raise ValueError(f"must hold `{name}` in float32, but does not")
        return _finite(name, _array(name, tensor, np.float32, shape))

    def _kind_of(self, name: str) -> type[np.int8 | np.uint8]:
        data_type = self._tensor(name).get(_DATA_TYPE)
        if not isinstance(data_type, int) or data_type not in _EIGHT_BITS:
            raise ValueError(f"must hold `{name}` in eight bits, but does not")
        return _EIGHT_BITS[data_type]

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
