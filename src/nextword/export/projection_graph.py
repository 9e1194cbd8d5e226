"""The projection to the vocabulary as a graph: from hidden states to log-probabilities."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from nextword.architecture import Architecture
from nextword.export.graph_builder import GraphBuilder

Weights = Mapping[str, NDArray[np.float32]]


def add_projection(builder: GraphBuilder, architecture: Architecture, weights: Weights, hidden: str) -> str:
    """Add the projection of hidden states in rows.

    Args:
        builder: The graph, in which the embedding matrix is a constant `embeddings`.
        architecture: Says which projection.
        weights: Those of the projection, by their names without its own.
        hidden: `(N, H)`.

    Returns:
        The log-probabilities `(N, V)`.
    """
    constants = {name: builder.constant(f"projection_{name}", weight) for name, weight in weights.items()}
    if architecture.adaptive_cutoffs:
        return _add_adaptive(builder, architecture, constants, hidden)
    if architecture.mixture_size > 1:
        return _add_mixture(builder, architecture, constants, hidden)
    if architecture.narrowed_output:
        hidden = builder.add("MatMul", hidden, constants["narrowing_kernel"])
    return builder.add("LogSoftmax", _add_logits(builder, constants, hidden), axis=-1)


def _add_logits(builder: GraphBuilder, constants: Mapping[str, str], rows: str) -> str:
    if "kernel" in constants:
        return builder.add("Gemm", rows, constants["kernel"], constants["bias"])
    return builder.add("Gemm", rows, "embeddings", constants["bias"], transB=1)


def _add_mixture(builder: GraphBuilder, architecture: Architecture, constants: Mapping[str, str], hidden: str) -> str:
    priors = builder.add("LogSoftmax", builder.add("MatMul", hidden, constants["prior_kernel"]), axis=-1)  # (N, K)
    latents = builder.add("Tanh", builder.add("Gemm", hidden, constants["latent_kernel"], constants["latent_bias"]))
    rows = builder.add("Reshape", latents, builder.integers(-1, architecture.embedding_size))  # (N * K, E)
    softmaxes = builder.add("LogSoftmax", _add_logits(builder, constants, rows), axis=-1)
    shape = builder.integers(-1, architecture.mixture_size, architecture.vocabulary_size)
    weighted = builder.add(
        "Add", builder.add("Reshape", softmaxes, shape), builder.add("Unsqueeze", priors, builder.integers(-1))
    )
    return builder.add("ReduceLogSumExp", weighted, axes=[1], keepdims=0)


def _add_adaptive(builder: GraphBuilder, architecture: Architecture, constants: Mapping[str, str], hidden: str) -> str:
    cutoffs = architecture.adaptive_cutoffs
    head = builder.add("Gemm", hidden, constants["head_kernel"], constants["head_bias"])
    sizes = builder.integers(cutoffs[0], *[1] * len(cutoffs))
    frequent, *classes = builder.add_all(
        "Split", [builder.add("LogSoftmax", head, axis=-1), sizes], 1 + len(cutoffs), axis=-1
    )
    parts = [frequent]
    for index, of_tail in enumerate(classes):
        narrow = builder.add("MatMul", hidden, constants[f"tail_{index}_projection"])
        logits = builder.add("Gemm", narrow, constants[f"tail_{index}_kernel"], constants[f"tail_{index}_bias"])
        parts.append(builder.add("Add", builder.add("LogSoftmax", logits, axis=-1), of_tail))
    return builder.add("Concat", *parts, axis=-1)
