"""Graphs of recurrent layers: an ONNX operator if there is one for the cell, else a loop over plain operators."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper

from nextword.export.graph_builder import GraphBuilder
from nextword.model.architecture import Architecture
from nextword.model.cells import CELLS

Step = Callable[..., tuple[str, str]]
"""Takes the body, the hidden state, the cell and the inputs; returns the next hidden state and cell."""

Names = Mapping[str, str]

EPSILON = 1e-5
"""The number that layer normalization adds to the variance."""

Floats = NDArray[np.float32]
Weights = Mapping[str, Floats]

Added = tuple[str, list[str]]
"""The hidden states `(T, B, H)`, and the state after the last step."""


class Layer(NamedTuple):
    """A recurrent layer to add to a graph."""

    builder: GraphBuilder
    architecture: Architecture  # selects the cell and its options
    weights: Weights  # the weights of the layer, by their names without the name of the layer
    inputs: str  # the sequence `(T, B, I)`, time first
    state: Sequence[str]  # the arrays that the cell carries from step to step, each `(1, B, H)`


def plain_step(constants: Names, *, cap_input_gate: bool) -> Step:
    """Return the step of an LSTM. Its inputs do not depend on the state: a part of the gates, and the modulation."""

    def step(body: GraphBuilder, hidden: str, cell: str, projected: str, *modulation: str) -> tuple[str, str]:
        read = body.bounded(body.add("Mul", *modulation, hidden), 2) if modulation else hidden
        recurrent = body.matmul(read, constants["recurrent_kernel"])
        return _add_update(body, body.add("Add", projected, recurrent), cell, cap_input_gate=cap_input_gate)

    return step


def normalized_step(constants: Names, *, cap_input_gate: bool) -> Step:
    """Return the step of an LSTM with layer normalization. Its input is the part that does not depend on the state."""

    def squash(body: GraphBuilder, cell: str) -> str:
        gain, bias = constants["cell_gain"], constants["cell_bias"]
        return body.add("Tanh", body.add("LayerNormalization", cell, gain, bias, epsilon=EPSILON))

    def step(body: GraphBuilder, hidden: str, cell: str, projected: str) -> tuple[str, str]:
        product = body.matmul(hidden, constants["recurrent_kernel"])
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
            product = body.matmul(product, constants[f"{name}_{factor}"])
        return body.add("Mul", _add_factors(body, product, constants[f"{name}_bias"]), target)

    def step(body: GraphBuilder, hidden: str, cell: str, x_t: str) -> tuple[str, str]:
        x, h = x_t, hidden
        for index in range(1, architecture.mogrifier_rounds + 1):
            if index % 2:
                x = modulated(body, h, x, index)
            else:
                h = modulated(body, x, h, index)
        product = body.matmul(body.add("Concat", x, h, axis=-1), constants["joined_kernel"])
        gates = body.add("Add", product, constants["bias"])
        return _add_update(body, gates, cell, cap_input_gate=architecture.cap_input_gate)

    return step


def _add_factors(builder: GraphBuilder, product: str, bias: str) -> str:
    """Add the factors of a modulation, between 0 and 2."""
    gate = builder.add("Sigmoid", builder.add("Add", product, bias))
    return builder.add("Mul", gate, builder.constant("two", np.array(2, np.float32)))


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
    """Add a recurrent layer. Return its hidden states `(T, B, H)` and the state after the last step."""
    return GRAPHS[layer.architecture.cell](layer)


def _add_lstm(layer: Layer) -> Added:
    builder, architecture = layer.builder, layer.architecture
    cap_input_gate, is_modulated = architecture.cap_input_gate, architecture.state_modulation
    is_plain = not (cap_input_gate or is_modulated or architecture.layer_normalization)
    if is_plain and not builder.int8:
        return _add_operator("LSTM", layer)
    constants = _constants(builder, layer.weights)
    product, bias = builder.matmul(layer.inputs, constants["kernel"]), constants["bias"]
    if architecture.layer_normalization:
        step = normalized_step(constants, cap_input_gate=cap_input_gate)
        projected = builder.add("LayerNormalization", product, constants["input_gain"], bias, epsilon=EPSILON)
    else:
        step, projected = plain_step(constants, cap_input_gate=cap_input_gate), builder.add("Add", product, bias)
    modulation = []
    if is_modulated:
        product = builder.matmul(layer.inputs, constants["modulation_kernel"])
        modulation = [_add_factors(builder, product, constants["modulation_bias"])]
    return _add_scan(builder, step, [projected, *modulation], layer.state)


def _add_mogrifier(layer: Layer) -> Added:
    constants = _constants(layer.builder, _with_one_kernel(layer.weights))
    inputs = layer.builder.add("Unsqueeze", layer.inputs, layer.builder.integers(1))  # (T, 1, B, I), as the state is
    return _add_scan(layer.builder, mogrifier_step(layer.architecture, constants), [inputs], layer.state)


def _constants(builder: GraphBuilder, weights: Weights) -> dict[str, str]:
    name = builder.new_name("layer")
    return {
        kind: builder.constant(f"{name}_{kind}", array)
        if array.ndim == 1
        else builder.matrix(f"{name}_{kind}", array, scale_per_column=True)
        for kind, array in weights.items()
    }


def gates_for_onnx(weight: Floats, order: Sequence[int]) -> Floats:
    """Return gates, which are side by side in the last axis, in the order of ONNX and in the first axis."""
    gates = np.split(weight, len(order), axis=-1)
    return np.concatenate([gates[place] for place in order], axis=-1).T


def _add_operator(operator: str, layer: Layer) -> Added:
    builder, weights = layer.builder, layer.weights
    order, name = CELLS[layer.architecture.cell].onnx_gates, builder.new_name(f"{operator.lower()}_weights")
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


def _add_scan(builder: GraphBuilder, step: Step, inputs: Sequence[str], state: Sequence[str]) -> Added:
    """Add a loop over time. It carries hidden state and cell from step to step, and returns all hidden states."""
    body = builder.body()
    hidden, cell, *at_t = (body.new_name(f"step_{kind}") for kind in ("hidden", "cell", *["input"] * len(inputs)))
    body.bounded(hidden, 1)
    next_hidden, next_cell = step(body, hidden, cell, *at_t)
    output = body.add("Identity", next_hidden)
    graph = helper.make_graph(
        body.nodes,
        body.new_name("step"),
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in (hidden, cell, *at_t)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in (next_hidden, next_cell, output)],
    )
    *after, hiddens = builder.add_all(
        "Scan", [*state, *inputs], 3, body=graph, num_scan_inputs=len(inputs)
    )  # (T, 1, B, H)
    return builder.add("Squeeze", hiddens, builder.integers(1)), after


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
