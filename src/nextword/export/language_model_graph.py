"""Builds the ONNX graph of a language model from its architecture and its weights.

A recurrent layer is an ONNX operator if there is one for the cell, else a loop over plain operators.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from nextword.bundle.onnx_file import EMBEDDINGS, HIDDEN, LOG_PROBS, OPSET, TOKENS, next_name, state_widths
from nextword.export.graph_builder import GraphBuilder, Int8GraphBuilder
from nextword.model.architecture import Architecture
from nextword.model.cells import CELLS
from nextword.version import __version__

Step = Callable[..., tuple[str, str]]
"""Takes the body, the hidden state, the cell and the inputs; returns the next hidden state and cell."""

Names = Mapping[str, str]

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


def plain_step(constants: Names) -> Step:
    """Return the step of an LSTM. Its inputs do not depend on the state: a part of the gates, and the modulation."""

    def step(body: GraphBuilder, hidden: str, cell: str, projected: str, *modulation: str) -> tuple[str, str]:
        read = body.bounded(body.add("Mul", *modulation, hidden), 2) if modulation else hidden
        recurrent = body.matmul(read, constants["recurrent_kernel"])
        return _add_update(body, body.add("Add", projected, recurrent), cell)

    return step


def _add_factors(builder: GraphBuilder, product: str, bias: str) -> str:
    """Add the factors of a modulation, between 0 and 2."""
    gate = builder.add("Sigmoid", builder.add("Add", product, bias))
    return builder.add("Mul", gate, builder.constant("two", np.array(2, np.float32)))


def _add_update(body: GraphBuilder, gates: str, cell: str) -> tuple[str, str]:
    """Add the equations of `nextword.model.ops.lstm.lstm` by the gates `(B, 4H)` before their activation functions."""
    i, f, g, o = body.add_all("Split", [gates], 4, axis=-1)
    i, f, g, o = body.add("Sigmoid", i), body.add("Sigmoid", f), body.add("Tanh", g), body.add("Sigmoid", o)
    cell = body.add("Add", body.add("Mul", f, cell), body.add("Mul", i, g))
    return body.add("Mul", o, body.add("Tanh", cell)), cell


def add_layer(layer: Layer) -> Added:
    """Add a recurrent layer. Return its hidden states `(T, B, H)` and the state after the last step."""
    return GRAPHS[layer.architecture.cell](layer)


def _add_lstm(layer: Layer) -> Added:
    builder, is_modulated = layer.builder, layer.architecture.state_modulation
    if not (is_modulated or builder.int8):
        return _add_operator("LSTM", layer)
    constants = _constants(builder, layer.weights)
    inputs = [builder.add("Add", builder.matmul(layer.inputs, constants["kernel"]), constants["bias"])]
    if is_modulated:
        product = builder.matmul(layer.inputs, constants["modulation_kernel"])
        inputs.append(_add_factors(builder, product, constants["modulation_bias"]))
    return _add_scan(builder, plain_step(constants), inputs, layer.state)


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


GRAPHS: dict[str, Callable[[Layer], Added]] = {
    "lstm": _add_lstm,
    "gru": partial(_add_operator, "GRU"),
    "rnn": partial(_add_operator, "RNN"),
}
"""The graph of each cell that can be exported."""


_IR_VERSION = 8  # the version that belongs to opset 17


def add_projection(builder: GraphBuilder, weights: Weights, hidden: str) -> str:
    """Add the output projection to hidden states `(N, H)`, and return the name of the log-probabilities `(N, V)`."""
    constants = {
        name: (builder.matrix if weight.ndim == 2 else builder.constant)(f"projection_{name}", weight)
        for name, weight in weights.items()
    }
    is_tied = "kernel" not in constants
    kernel = EMBEDDINGS if is_tied else constants["kernel"]
    return builder.add("LogSoftmax", builder.gemm(hidden, kernel, constants["bias"], transposed=is_tied), axis=-1)


def language_model_graph(architecture: Architecture, weights: Weights, *, int8: bool = False) -> onnx.ModelProto:
    """Return the ONNX model of `nextword.bundle.onnx_file`, for any batch size and any number of steps."""
    builder = Int8GraphBuilder() if int8 else GraphBuilder()
    hidden, state = _add_stack(builder, architecture, weights)  # (B, T, H)
    rows = builder.add("Reshape", hidden, builder.integers(-1, architecture.hidden_sizes[-1]))
    builder.bounded(rows, 1)
    log_probs = add_projection(builder, _under(weights, "projection"), rows)
    shape = builder.add("Concat", builder.add("Shape", TOKENS), builder.integers(architecture.vocabulary_size), axis=0)
    log_probs = builder.add("Reshape", log_probs, shape)
    for result, name in ((log_probs, LOG_PROBS), (hidden, HIDDEN), *state.items()):
        builder.rename(result, name)
    return _model(builder, architecture)


def _add_stack(builder: GraphBuilder, architecture: Architecture, weights: Weights) -> tuple[str, dict[str, str]]:
    """Add all layers. Return the hidden states `(B, T, H)`, and the new name of each state result."""
    embeddings = builder.matrix(EMBEDDINGS, weights["embedding/embeddings"])
    outputs = builder.gather(embeddings, builder.add("Transpose", TOKENS, perm=[1, 0]))  # (T, B, E)
    names = list(state_widths(architecture))
    state: dict[str, str] = {}
    for index in range(architecture.num_layers):
        own = [name for name in names if name.endswith(f"_{index}")]
        of_layer = _under(weights, f"{architecture.cell}_{index}")
        outputs, after = add_layer(Layer(builder, architecture, of_layer, outputs, own))
        builder.bounded(outputs, 1)
        state |= dict(zip(after, map(next_name, own), strict=True))
    return builder.add("Transpose", outputs, perm=[1, 0, 2]), state


def _under(weights: Weights, layer: str) -> dict[str, NDArray[np.float32]]:
    """Return the weights of a layer, by their names without the name of the layer."""
    return {name.removeprefix(f"{layer}/"): weight for name, weight in weights.items() if name.startswith(f"{layer}/")}


def _model(builder: GraphBuilder, architecture: Architecture) -> onnx.ModelProto:
    widths, last = state_widths(architecture), architecture.hidden_sizes[-1]
    inputs = [helper.make_tensor_value_info(TOKENS, TensorProto.INT32, ["B", "T"])]
    inputs += [_floats(name, 1, "B", width) for name, width in widths.items()]
    results = [_floats(LOG_PROBS, "B", "T", architecture.vocabulary_size), _floats(HIDDEN, "B", "T", last)]
    results += [_floats(next_name(name), 1, "B", width) for name, width in widths.items()]
    graph = helper.make_graph(builder.nodes, "language_model", inputs, results, list(builder.constants.values()))
    opsets = [helper.make_opsetid("", OPSET)]
    if builder.int8:
        opsets.append(helper.make_opsetid("com.microsoft", 1))
    return helper.make_model(
        graph,
        opset_imports=opsets,
        ir_version=_IR_VERSION,
        producer_name="nextword",
        producer_version=__version__,
    )


def _floats(name: str, *shape: int | str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
