"""Builders of ONNX graphs, in float32 and in eight bits."""

from collections.abc import Sequence
from typing import Any, Self, override

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from nextword.bundle.onnx_file import quantized_names

_MAX_STEPS = 64
"""The steps of a weight in both directions from zero.

Processors without instructions for neural networks (VNNI on x86-64) add two products of a weight and a number below 256
in sixteen bits, where larger weights would overflow.
"""

_MAX_ROUNDED = 127
_ZERO = 128
"""The step of a rounded number that stands for zero: these are unsigned, because such products are the fastest."""

_TINY = 1e-30


class GraphBuilder:
    """Collects the nodes and the constants of an ONNX graph in float32.

    The body of a loop has its own builder, made by `body`. It can read results of the outer graph, and shares its
    constants.
    """

    int8 = False

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}
        self.name_counts: dict[str, int] = {}
        self._bounds: dict[str, float] = {}

    def body(self) -> Self:
        """Return a builder for a graph inside this one."""
        inner = type(self)()
        inner.constants, inner.name_counts = self.constants, self.name_counts
        return inner

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one result, and return its name."""
        return self.add_all(operator, inputs, 1, **attributes)[0]

    def add_all(self, operator: str, inputs: Sequence[str], num_results: int, **attributes: Any) -> list[str]:
        """Add a node, and return the names of its results."""
        results = [self.new_name(operator.lower()) for _ in range(num_results)]
        self.nodes.append(helper.make_node(operator, inputs, results, name=results[0], **attributes))
        return results

    def rename(self, result: str, name: str) -> None:
        """Rename a result, such as to the name of an output of the model."""
        for node in self.nodes:
            for names in (node.input, node.output):
                names[:] = [name if each == result else each for each in names]

    def constant(self, name: str, array: NDArray[Any]) -> str:
        """Add a constant if there is none of this name, and return the name."""
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(array), name)
        return name

    def integers(self, *values: int) -> str:
        """Return the name of a constant with these integers, such as axes or a shape."""
        return self.constant(f"integers_{'_'.join(map(str, values))}", np.array(values, np.int64))

    def new_name(self, kind: str) -> str:
        """Return an unused name."""
        number = self.name_counts.get(kind, 0)
        self.name_counts[kind] = number + 1
        return f"{kind}_{number}"

    def matrix(self, name: str, array: NDArray[np.float32], *, scale_per_column: bool = False) -> str:
        """Add a factor of products; in eight bits, with one scale, or with one for each column."""
        del scale_per_column  # float32 needs none
        return self.constant(name, array)

    def gather(self, matrix: str, indices: str) -> str:
        """Add the rows of a matrix at some indices."""
        return self.add("Gather", matrix, indices)

    def bounded(self, result: str, largest: float) -> str:
        """Note that no number of a result is larger, so that in eight bits every row is rounded to the same steps."""
        self._bounds[result] = largest
        return result

    def matmul(self, rows: str, matrix: str) -> str:
        """Add the product of rows `(..., I)` and a matrix `(I, O)`."""
        return self.add("MatMul", rows, matrix)

    def gemm(self, rows: str, matrix: str, bias: str, *, transposed: bool = False) -> str:
        """Add the product of rows `(N, I)` and a matrix `(I, O)`, or `(O, I)` if `transposed`, plus a bias `(O,)`."""
        return self.add("Gemm", rows, matrix, bias, **({"transB": 1} if transposed else {}))


class Int8GraphBuilder(GraphBuilder):
    r"""Collects a graph that multiplies in eight bits.

    A weight is $w \approx s_w q_w$ with $|q_w| \le 64$, and a number of a row is $x \approx s_x (q_x - 128)$, so that

    $$\sum_i x_i w_{io} \approx s_x s_{w,o} \sum_i (q_{x,i} - 128) \, q_{w,io}.$$

    The sum is exact in integers. $s_x$ is a constant if the numbers of all rows are bounded, as hidden states are by 1,
    and otherwise the largest number of the row over 127. Neither depends on other rows, so a text has the same
    log-probabilities in any company, and in windows of any length.
    """

    int8 = True

    def __init__(self) -> None:
        super().__init__()
        self._scales: dict[str, str] = {}  # of results whose numbers are in steps already

    @override
    def matrix(self, name: str, array: NDArray[np.float32], *, scale_per_column: bool = False) -> str:
        largest = np.abs(array).max(axis=0 if scale_per_column else None)
        scale = np.asarray(np.where(largest > 0, largest, 1) / _MAX_STEPS, np.float32)
        quantized, of_scale = quantized_names(name)
        self.constant(quantized, np.clip(np.rint(array / scale), -_MAX_STEPS, _MAX_STEPS).astype(np.int8))
        self.constant(of_scale, scale)
        return name

    @override
    def gather(self, matrix: str, indices: str) -> str:
        quantized, scale = quantized_names(matrix)
        # Without its zero point, onnxruntime moves this node past a reshape as if the steps were unsigned.
        zero = self.constant("zero_weight", np.array(0, np.int8))
        rows = self.add("DequantizeLinear", self.add("Gather", quantized, indices), scale, zero)
        self._scales[rows] = scale
        return rows

    @override
    def matmul(self, rows: str, matrix: str) -> str:
        return self._product(rows, *quantized_names(matrix))

    @override
    def gemm(self, rows: str, matrix: str, bias: str, *, transposed: bool = False) -> str:
        quantized, scale = quantized_names(matrix)
        if transposed:  # onnxruntime does it once, when it loads the model
            quantized = self.add("Transpose", quantized, perm=[1, 0])
        return self._product(rows, quantized, scale, bias)

    def _product(self, rows: str, quantized: str, scale: str, bias: str = "") -> str:
        zero = self.constant("zero_step", np.array(_ZERO, np.uint8))
        of_rows = self._common_scale(rows)
        if of_rows is not None:
            rounded = self.add("QuantizeLinear", rows, of_rows, zero)
            return self._integer_product(rounded, quantized, of_rows, scale, zero, bias)
        of_rows, rounded = self._rounded_by_row(rows)
        one = self.constant("one", np.array(1, np.float32))
        product = self.add("Mul", self._integer_product(rounded, quantized, one, scale, zero), of_rows)
        return self.add("Add", product, bias) if bias else product

    def _common_scale(self, rows: str) -> str | None:
        if rows in self._bounds:
            largest = self._bounds[rows]
            return self.constant(f"scale_of_{largest:g}", np.array(largest / _MAX_ROUNDED, np.float32))
        return self._scales.get(rows)

    def _integer_product(
        self, rounded: str, quantized: str, of_rows: str, scale: str, zero: str, bias: str = ""
    ) -> str:
        inputs = [rounded, quantized, of_rows, scale, zero, *(["", bias] if bias else [])]
        return self.add("MatMulIntegerToFloat", *inputs, domain="com.microsoft")

    def _rounded_by_row(self, rows: str) -> tuple[str, str]:
        """Return the scale of each row `(..., 1)`, and the rows in steps of it."""
        largest = self.add("ReduceMax", self.add("Abs", rows), axes=[-1], keepdims=1)
        scale = self.add("Mul", largest, self.constant("one_step", np.array(1 / _MAX_ROUNDED, np.float32)))
        scale = self.add("Max", scale, self.constant("tiny", np.array(_TINY, np.float32)))
        steps = self.add("Round", self.add("Div", rows, scale))
        shifted = self.add("Add", steps, self.constant("zero_step_float", np.array(_ZERO, np.float32)))
        return scale, self.add("Cast", shifted, to=onnx.TensorProto.UINT8)
