"""Graphs of recurrent layers: an ONNX operator if there is one for the cell, else a loop over plain operators."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from nextword.errors import ExportError
from nextword.model.architecture import Architecture


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


Step = Callable[[GraphBuilder, str, str, str], tuple[str, str]]
"""Takes the body, the hidden state, the cell and the input; returns the next hidden state and cell."""

Names = Mapping[str, str]

EPSILON = 1e-5
"""The number that layer normalization adds to the variance."""

Floats = NDArray[np.float32]
Weights = Mapping[str, Floats]

Added = tuple[str, list[str]]
"""The hidden states `(T, B, H)`, and the state after the last step."""

_GATES = {"LSTM": (0, 3, 1, 2), "GRU": (0, 1, 2), "RNN": (0,)}
"""The place of each ONNX gate among ours. An LSTM of ONNX has i, o, f, c; ours has input, forget, candidate, output."""


class Layer(NamedTuple):
    """A recurrent layer to add to a graph.

    Attributes:
        builder: The graph.
        architecture: Selects the cell and its options.
        weights: The weights of the layer, by their names without the name of the layer.
        inputs: The sequence `(T, B, I)`, time first.
        state: The arrays that the cell carries from step to step, each `(1, B, H)`.
    """

    builder: GraphBuilder
    architecture: Architecture
    weights: Weights
    inputs: str
    state: Sequence[str]


def capped_step(constants: Names) -> Step:
    """Return the step of an LSTM with a capped input gate. Its input is the part that does not depend on the state."""

    def step(body: GraphBuilder, hidden: str, cell: str, projected: str) -> tuple[str, str]:
        recurrent = body.add("MatMul", hidden, constants["recurrent_kernel"])
        return _add_update(body, body.add("Add", projected, recurrent), cell, cap_input_gate=True)

    return step


def normalized_step(constants: Names, *, cap_input_gate: bool) -> Step:
    """Return the step of an LSTM with layer normalization. Its input is the part that does not depend on the state."""

    def squash(body: GraphBuilder, cell: str) -> str:
        gain, bias = constants["cell_gain"], constants["cell_bias"]
        return body.add("Tanh", body.add("LayerNormalization", cell, gain, bias, epsilon=EPSILON))

    def step(body: GraphBuilder, hidden: str, cell: str, projected: str) -> tuple[str, str]:
        product = body.add("MatMul", hidden, constants["recurrent_kernel"])
        recurrent = body.add("LayerNormalization", product, constants["recurrent_gain"], epsilon=EPSILON)
        gates = body.add("Add", projected, recurrent)
        return _add_update(body, gates, cell, cap_input_gate=cap_input_gate, squash=squash)

    return step


def mogrifier_step(architecture: Architecture, constants: Names) -> Step:
    """Return the step of a Mogrifier LSTM. Its input is the input of the layer."""

    def modulated(body: GraphBuilder, source: str, target: str, index: int) -> str:
        name = f"modulation_{index}"
        factors = ("kernel",) if architecture.mogrifier_rank is None else ("left", "right")
        product = source
        for factor in factors:
            product = body.add("MatMul", product, constants[f"{name}_{factor}"])
        gate = body.add("Sigmoid", body.add("Add", product, constants[f"{name}_bias"]))
        return body.add("Mul", body.add("Mul", gate, body.constant("two", np.array(2, np.float32))), target)

    def step(body: GraphBuilder, hidden: str, cell: str, x_t: str) -> tuple[str, str]:
        x, h = x_t, hidden
        for index in range(1, architecture.mogrifier_rounds + 1):
            if index % 2:
                x = modulated(body, h, x, index)
            else:
                h = modulated(body, x, h, index)
        product = body.add("MatMul", body.add("Concat", x, h, axis=-1), constants["joined_kernel"])
        gates = body.add("Add", product, constants["bias"])
        return _add_update(body, gates, cell, cap_input_gate=architecture.cap_input_gate)

    return step


def _add_update(
    body: GraphBuilder,
    gates: str,
    cell: str,
    *,
    cap_input_gate: bool,
    squash: Callable[[GraphBuilder, str], str] = lambda body, cell: body.add("Tanh", cell),
) -> tuple[str, str]:
    """Add `nextword.model.ops.lstm.update_cell` by the gates `(B, 4H)` before their activation functions."""
    i, f, g, o = body.add_all("Split", [gates], 4, axis=-1)
    i, f, g, o = body.add("Sigmoid", i), body.add("Sigmoid", f), body.add("Tanh", g), body.add("Sigmoid", o)
    if cap_input_gate:
        one = body.constant("one", np.array(1, np.float32))
        i = body.add("Min", i, body.add("Sub", one, f))
    cell = body.add("Add", body.add("Mul", f, cell), body.add("Mul", i, g))
    return body.add("Mul", o, squash(body, cell)), cell


def add_layer(layer: Layer) -> Added:
    """Add a recurrent layer. Return its hidden states `(T, B, H)` and the state after the last step.

    Raises:
        ExportError: The cell has no graph.
    """
    cell = layer.architecture.cell
    if cell not in GRAPHS:
        raise ExportError(
            f"a model must have one of the cells {', '.join(GRAPHS)} to be exported to ONNX, but `cell` is {cell}; "
            "train one of these"
        )
    return GRAPHS[cell](layer)


def _add_lstm(layer: Layer) -> Added:
    builder, cap_input_gate = layer.builder, layer.architecture.cap_input_gate
    if not (cap_input_gate or layer.architecture.layer_normalization):
        return _add_operator("LSTM", layer)
    constants = _constants(builder, layer.weights)
    product, bias = builder.add("MatMul", layer.inputs, constants["kernel"]), constants["bias"]
    if layer.architecture.layer_normalization:
        step = normalized_step(constants, cap_input_gate=cap_input_gate)
        projected = builder.add("LayerNormalization", product, constants["input_gain"], bias, epsilon=EPSILON)
    else:
        step, projected = capped_step(constants), builder.add("Add", product, bias)
    return _add_scan(builder, step, projected, layer.state)


def _add_mogrifier(layer: Layer) -> Added:
    constants = _constants(layer.builder, _with_one_kernel(layer.weights))
    return _add_scan(layer.builder, mogrifier_step(layer.architecture, constants), layer.inputs, layer.state)


def _constants(builder: GraphBuilder, weights: Weights) -> dict[str, str]:
    name = builder.new_name("layer")
    return {kind: builder.constant(f"{name}_{kind}", array) for kind, array in weights.items()}


def gates_for_onnx(weight: Floats, order: Sequence[int]) -> Floats:
    """Return gates, which are side by side in the last axis, in the order of ONNX and in the first axis."""
    gates = np.split(weight, len(order), axis=-1)
    return np.concatenate([gates[place] for place in order], axis=-1).T


def _add_operator(operator: str, layer: Layer) -> Added:
    """Add a cell for which ONNX has an operator."""
    builder, weights = layer.builder, layer.weights
    order, name = _GATES[operator], builder.new_name(f"{operator.lower()}_weights")
    hidden_size = weights["recurrent_kernel"].shape[0]
    bias = gates_for_onnx(weights["bias"], order)
    constants = {
        "kernel": gates_for_onnx(weights["kernel"], order)[None],
        "recurrent_kernel": gates_for_onnx(weights["recurrent_kernel"], order)[None],
        "bias": np.concatenate((bias, np.zeros_like(bias)))[None],  # ONNX has a second bias, for the recurrence
    }
    names = [builder.constant(f"{name}_{kind}", array) for kind, array in constants.items()]
    hiddens, *after = builder.add_all(
        operator, [layer.inputs, *names, "", *layer.state], 1 + len(layer.state), hidden_size=hidden_size
    )  # (T, 1, B, H); the axis of length 1 is the direction
    return builder.add("Squeeze", hiddens, builder.integers(1)), after


def _add_scan(builder: GraphBuilder, step: Step, inputs: str, state: Sequence[str]) -> Added:
    """Add a loop over time. It carries hidden state and cell from step to step, and returns all hidden states."""
    first = builder.integers(0)
    before = [builder.add("Squeeze", part, first) for part in state]
    body = builder.body()
    hidden, cell, x_t = (body.new_name(f"step_{kind}") for kind in ("hidden", "cell", "input"))
    next_hidden, next_cell = step(body, hidden, cell, x_t)
    output = body.add("Identity", next_hidden)
    graph = helper.make_graph(
        body.nodes,
        body.new_name("step"),
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in (hidden, cell, x_t)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in (next_hidden, next_cell, output)],
    )
    last_hidden, last_cell, hiddens = builder.add_all("Scan", [*before, inputs], 3, body=graph, num_scan_inputs=1)
    return hiddens, [builder.add("Unsqueeze", part, first) for part in (last_hidden, last_cell)]


def _with_one_kernel(weights: Weights) -> dict[str, Floats]:
    """Return the weights with the two kernels joined `(I + H, 4H)`. A step then has one product for both."""
    others = {name: weight for name, weight in weights.items() if name not in ("kernel", "recurrent_kernel")}
    return {"joined_kernel": np.concatenate((weights["kernel"], weights["recurrent_kernel"])), **others}


GRAPHS: dict[str, Callable[[Layer], Added]] = {
    "lstm": _add_lstm,
    "mogrifier_lstm": _add_mogrifier,
    "gru": partial(_add_operator, "GRU"),
    "rnn": partial(_add_operator, "RNN"),
}
"""The graph of each cell that can be exported."""
