"""How much arithmetic a model takes."""

import math

from nextword.architecture import Architecture


def useful_flops_per_word(architecture: Architecture) -> int:
    """Return the floating-point operations of the matrix products for one word of training.

        6 * (weights that are multiplied)

    which for an LSTM without frills is `6 * (sum over layers of 4 H (I + H)  +  V H)`, with `I` the width of a layer's
    input and `H`, in the second term, that of the last layer. Each weight of a product
    is multiplied and added once forward (2), once for the gradient of its input (2) and once for its own (2). Those of
    a mixture's softmax are multiplied once for each part of the mixture, and those of an adaptive softmax count as if
    every word were in every cluster. Looking up an embedding, biases, the gates' arithmetic and the optimizer count
    nothing, and neither does work done twice.

    Example:
        >>> useful_flops_per_word(Architecture(vocabulary_size=10, embedding_size=2, hidden_sizes=(3,)))
        540
    """
    embedding = "embedding/embeddings"
    matrices = {name: math.prod(shape) for name, shape in architecture.weight_shapes().items() if len(shape) == 2}
    softmax = embedding if architecture.tied else "projection/kernel"
    if softmax in matrices:
        matrices[softmax] *= architecture.mixture_size
    if not architecture.tied:
        del matrices[embedding]
    return 6 * sum(matrices.values())
