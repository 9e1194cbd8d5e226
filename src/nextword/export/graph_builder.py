"""Builds a graph of nodes and constants, in which each result has its own name."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper


class GraphBuilder:
    """Collects the nodes and the constants of an ONNX graph.

    The body of a loop has its own builder, made by `body`. It can read results of the outer graph, and shares its
    constants.

    Attributes:
        nodes: In the order of execution.
        constants: By name.
    """

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}
        self._numbers: dict[str, int] = {}

    def body(self) -> "GraphBuilder":
        """Return a builder for a graph inside this one."""
        inner = GraphBuilder()
        inner.constants, inner._numbers = self.constants, self._numbers
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
        self._numbers[kind] = self._numbers.get(kind, -1) + 1
        return f"{kind}_{self._numbers[kind]}"
