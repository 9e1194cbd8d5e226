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


def add_projection(builder: GraphBuilder, architecture: Architecture, weights: Weights, hidden: str) -> str:
    """Add the output projection to hidden states `(N, H)`, and return the name of the log-probabilities `(N, V)`."""
    constants = {
        name: (builder.matrix if weight.ndim == 2 else builder.constant)(f"projection_{name}", weight)
        for name, weight in weights.items()
    }
    if architecture.adaptive_cutoffs:
        return _add_adaptive(builder, architecture, constants, hidden)
    if architecture.mixture_size > 1:
        return _add_mixture(builder, architecture, constants, hidden)
    if architecture.narrowed_output:
        hidden = builder.matmul(hidden, constants["narrowing_kernel"])
    return builder.add("LogSoftmax", _add_logits(builder, constants, hidden), axis=-1)


def _add_logits(builder: GraphBuilder, constants: Mapping[str, str], rows: str) -> str:
    if "kernel" in constants:
        return builder.gemm(rows, constants["kernel"], constants["bias"])
    return builder.gemm(rows, EMBEDDINGS, constants["bias"], transposed=True)


def _add_mixture(builder: GraphBuilder, architecture: Architecture, constants: Mapping[str, str], hidden: str) -> str:
    priors = builder.add("LogSoftmax", builder.matmul(hidden, constants["prior_kernel"]), axis=-1)  # (N, K)
    latents = builder.add("Tanh", builder.gemm(hidden, constants["latent_kernel"], constants["latent_bias"]))
    rows = builder.add("Reshape", latents, builder.integers(-1, architecture.embedding_size))  # (N * K, E)
    builder.bounded(rows, 1)
    softmaxes = builder.add("LogSoftmax", _add_logits(builder, constants, rows), axis=-1)
    shape = builder.integers(-1, architecture.mixture_size, architecture.vocabulary_size)
    weighted = builder.add(
        "Add", builder.add("Reshape", softmaxes, shape), builder.add("Unsqueeze", priors, builder.integers(-1))
    )
    return builder.add("ReduceLogSumExp", weighted, axes=[1], keepdims=0)


def _add_adaptive(builder: GraphBuilder, architecture: Architecture, constants: Mapping[str, str], hidden: str) -> str:
    cutoffs = architecture.adaptive_cutoffs
    head = builder.gemm(hidden, constants["head_kernel"], constants["head_bias"])
    sizes = builder.integers(cutoffs[0], *[1] * len(cutoffs))
    frequent, *classes = builder.add_all(
        "Split", [builder.add("LogSoftmax", head, axis=-1), sizes], 1 + len(cutoffs), axis=-1
    )
    parts = [frequent]
    for index, of_tail in enumerate(classes):
        narrow = builder.matmul(hidden, constants[f"tail_{index}_projection"])
        logits = builder.gemm(narrow, constants[f"tail_{index}_kernel"], constants[f"tail_{index}_bias"])
        parts.append(builder.add("Add", builder.add("LogSoftmax", logits, axis=-1), of_tail))
    return builder.add("Concat", *parts, axis=-1)


def language_model_graph(architecture: Architecture, weights: Weights, *, int8: bool = False) -> onnx.ModelProto:
    """Return the ONNX model of `nextword.bundle.onnx.file`, for any batch size and any number of steps."""
    builder = Int8GraphBuilder() if int8 else GraphBuilder()
    hidden, state = _add_stack(builder, architecture, weights)  # (B, T, H)
    rows = builder.add("Reshape", hidden, builder.integers(-1, architecture.hidden_sizes[-1]))
    builder.bounded(rows, architecture.num_layers if architecture.skip_connections else 1)
    log_probs = add_projection(builder, architecture, _under(weights, "projection"), rows)
    shape = builder.add("Concat", builder.add("Shape", TOKENS), builder.integers(architecture.vocabulary_size), axis=0)
    log_probs = builder.add("Reshape", log_probs, shape)
    for result, name in ((log_probs, LOG_PROBS), (hidden, HIDDEN), *state.items()):
        builder.rename(result, name)
    return _model(builder, architecture)


def _add_stack(builder: GraphBuilder, architecture: Architecture, weights: Weights) -> tuple[str, dict[str, str]]:
    """Add all layers. Return the hidden states `(B, T, H)`, and the new name of each state result."""
    embeddings = builder.matrix(EMBEDDINGS, weights["embedding/embeddings"])
    outputs = builder.gather(embeddings, builder.add("Transpose", TOKENS, perm=[1, 0]))  # (T, B, E)
    names, hiddens = list(state_widths(architecture)), []
    state: dict[str, str] = {}
    for index in range(architecture.num_layers):
        own = [name for name in names if name.endswith(f"_{index}")]
        of_layer = _under(weights, f"{architecture.cell}_{index}")
        outputs, after = add_layer(Layer(builder, architecture, of_layer, outputs, own))
        hiddens.append(builder.bounded(outputs, 1))
        state |= dict(zip(after, map(next_name, own), strict=True))
    if architecture.skip_connections:
        outputs = builder.add("Sum", *hiddens)
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
