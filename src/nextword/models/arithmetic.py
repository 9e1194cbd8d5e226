"""How much arithmetic a model takes."""

from nextword.architecture import Architecture


def useful_flops_per_word(architecture: Architecture) -> int:
    """Return the floating-point operations of the matrix products for one word of training.

        6 * (sum over layers of 4 H (I + H)  +  V H)

    with `I` the width of a layer's input and `H`, in the second term, that of the last layer. Each weight of a product
    is multiplied and added once forward (2), once for the gradient of its input (2) and once for its own (2). Looking
    up an embedding, biases, the gates' arithmetic and the optimizer count nothing, and neither does work done twice.

    Example:
        >>> useful_flops_per_word(Architecture(vocabulary_size=10, embedding_size=2, hidden_sizes=(3,)))
        540
    """
    weights = 0
    input_size = architecture.embedding_size
    for hidden_size in architecture.hidden_sizes:
        weights += 4 * hidden_size * (input_size + hidden_size)
        input_size = hidden_size
    return 6 * (weights + architecture.vocabulary_size * input_size)
