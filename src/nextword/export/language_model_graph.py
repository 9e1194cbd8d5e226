"""Builds the ONNX graph of a language model from its architecture and its weights."""

from collections.abc import Mapping

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from nextword.bundle.onnx.file import EMBEDDINGS, HIDDEN, LOG_PROBS, OPSET, TOKENS, next_name, state_widths
from nextword.export.graph_builder import GraphBuilder, Int8GraphBuilder
from nextword.export.recurrence_graph import Layer, add_layer
from nextword.model.architecture import Architecture
from nextword.version import __version__

Weights = Mapping[str, NDArray[np.float32]]

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
    """Return the ONNX model of `nextword.bundle.onnx.file`, for any batch size and any number of steps."""
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
