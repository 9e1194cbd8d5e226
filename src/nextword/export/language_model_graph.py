"""A language model as an ONNX graph, built from its description and its weights."""

from collections.abc import Mapping

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from nextword import __version__
from nextword.architecture import Architecture
from nextword.bundle.onnx_file import HIDDEN, LOG_PROBS, OPSET, TOKENS, next_name, state_widths
from nextword.export.graph_builder import GraphBuilder
from nextword.export.projection_graph import add_projection
from nextword.export.recurrence_graph import add_layer

Weights = Mapping[str, NDArray[np.float32]]

_IR_VERSION = 8  # that of opset 17


def language_model_graph(architecture: Architecture, weights: Weights) -> onnx.ModelProto:
    """Return the ONNX model of `nextword.bundle.onnx_file`, for any batch size and any number of steps.

    Args:
        architecture: Any.
        weights: By the names of `architecture.weight_shapes()`.
    """
    builder = GraphBuilder()
    hidden, state = _add_stack(builder, architecture, weights)  # (B, T, H)
    rows = builder.add("Reshape", hidden, builder.integers(-1, architecture.hidden_sizes[-1]))
    log_probs = add_projection(builder, architecture, _under(weights, "projection"), rows)
    shape = builder.add("Concat", builder.add("Shape", TOKENS), builder.integers(architecture.vocabulary_size), axis=0)
    log_probs = builder.add("Reshape", log_probs, shape)
    for result, name in ((log_probs, LOG_PROBS), (hidden, HIDDEN), *state.items()):
        builder.rename(result, name)
    return _model(builder, architecture)


def _add_stack(builder: GraphBuilder, architecture: Architecture, weights: Weights) -> tuple[str, dict[str, str]]:
    """Add all layers; return the hidden states `(B, T, H)`, and what each result of a state is to be called."""
    embeddings = builder.constant("embeddings", weights["embedding/embeddings"])
    outputs = builder.add("Gather", embeddings, builder.add("Transpose", TOKENS, perm=[1, 0]))  # (T, B, E)
    names, hiddens = list(state_widths(architecture)), []
    state: dict[str, str] = {}
    for index in range(architecture.num_layers):
        own = [name for name in names if name.endswith(f"_{index}")]
        outputs, after = add_layer(builder, architecture, _under(weights, f"{architecture.cell}_{index}"), outputs, own)
        hiddens.append(outputs)
        state |= dict(zip(after, map(next_name, own), strict=True))
    if architecture.skip_connections:
        outputs = builder.add("Sum", *hiddens)
    return builder.add("Transpose", outputs, perm=[1, 0, 2]), state


def _under(weights: Weights, layer: str) -> dict[str, NDArray[np.float32]]:
    """Return the weights of a layer, by their names without the layer's."""
    return {name.removeprefix(f"{layer}/"): weight for name, weight in weights.items() if name.startswith(f"{layer}/")}


def _model(builder: GraphBuilder, architecture: Architecture) -> onnx.ModelProto:
    widths, last = state_widths(architecture), architecture.hidden_sizes[-1]
    given = [helper.make_tensor_value_info(TOKENS, TensorProto.INT32, ["B", "T"])]
    given += [_floats(name, 1, "B", width) for name, width in widths.items()]
    results = [_floats(LOG_PROBS, "B", "T", architecture.vocabulary_size), _floats(HIDDEN, "B", "T", last)]
    results += [_floats(next_name(name), 1, "B", width) for name, width in widths.items()]
    graph = helper.make_graph(builder.nodes, "language_model", given, results, list(builder.constants.values()))
    return helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=_IR_VERSION,
        producer_name="nextword",
        producer_version=__version__,
    )


def _floats(name: str, *shape: int | str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
