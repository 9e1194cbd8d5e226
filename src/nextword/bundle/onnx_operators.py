"""The operators of an exported `model.onnx`, and how often each may occur."""

from collections.abc import Mapping

from nextword.architecture import Architecture


def most_operators(architecture: Architecture) -> Mapping[str, int]:
    """Return the operators that the model of an architecture may have, with the largest number of each.

    The numbers are those of `nextword.export`, in float32 or in eight bits, whichever is larger; where the cells
    differ little, those of the largest. None of the operators reads a file or runs code.

    Example:
        >>> most_operators(Architecture(vocabulary_size=9, embedding_size=2, hidden_sizes=(4, 3)))["Concat"]
        2
    """
    layers, tails = architecture.num_layers, len(architecture.adaptive_cutoffs)
    is_mogrifier = architecture.cell == "mogrifier_lstm"
    rounds = layers * architecture.mogrifier_rounds if is_mogrifier else 0
    products = 2 * layers + 2 * rounds + 3 + 2 * tails  # a modulation may have two factors, a mixture has three
    return {
        **dict.fromkeys(("LSTM", "DynamicQuantizeLSTM", "GRU", "RNN", "Scan"), layers),
        **dict.fromkeys(("MatMul", "Gemm", "MatMulInteger", "DynamicQuantizeLinear", "Cast"), products),
        "Add": 3 * layers + rounds + tails + 1 + products,  # in eight bits, a Gemm is a product and a sum
        "Mul": 3 * layers + 2 * rounds + 2 * products,  # in eight bits, a product is multiplied by two scales
        **dict.fromkeys(("Sub", "Min", "Identity"), layers),
        **dict.fromkeys(("Sigmoid", "Tanh"), 3 * layers + rounds + 1),
        "LayerNormalization": 3 * layers,
        "LogSoftmax": 2 + tails,
        **dict.fromkeys(("Squeeze", "Unsqueeze"), 2 * layers + 1),
        "Split": layers + 1,
        "Concat": 2 + (layers if is_mogrifier else 0),
        **dict.fromkeys(("Sum", "ReduceLogSumExp", "Gather", "Shape", "DequantizeLinear"), 1),
        "Reshape": 4,
        "Transpose": 3,
    }
