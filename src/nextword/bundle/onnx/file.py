"""`model.onnx` from an untrusted source, checked before anything runs it.

The file is a tree of protocol-buffer messages, which are read without a library. The weights are skipped, so the check
takes little time and no memory.
"""

from collections.abc import Mapping
from typing import Literal

from nextword.bundle.files import ONNX, check_size, max_onnx_bytes
from nextword.bundle.onnx.graph import check_model
from nextword.errors import BundleError
from nextword.model.architecture import Architecture
from nextword.model.cells import CELLS

_INT8_OPERATOR = "MatMulIntegerToFloat"
"""The product of rounded rows and a matrix in eight bits. Every model with int8 weights has one."""

Precision = Literal["float32", "int8"]
"""The precision of the stored weights."""

TOKENS = "tokens"
LOG_PROBS = "log_probs"
HIDDEN = "hidden"

EMBEDDINGS = "embeddings"
"""The name of the embedding matrix among the constants. In eight bits the names are `quantized_names` of this one."""

OPSET = 17
"""The version of the ONNX operators, from 2022."""

OLDEST_ONNXRUNTIME = (1, 23)
"""The oldest version that the extra `run` allows; older versions were not tested."""


def check_onnx_file(data: bytes, architecture: Architecture) -> Precision:
    """Refuse a file that is too long for its architecture, names another file, or uses other operators than ours.

    Returns:
        The precision of its weights, which follows from its operators.
    """
    check_size(ONNX, len(data), max_onnx_bytes(architecture))
    try:
        operators = check_model(memoryview(data), most_operators(architecture))
    except ValueError as error:
        raise BundleError(f"`{ONNX}` {error}; export the model again") from error
    return "int8" if _INT8_OPERATOR in operators else "float32"


def most_operators(architecture: Architecture) -> Mapping[str, int]:
    """Return the operators that the model of an architecture may have, with the largest number of each.

    The numbers are those of `nextword.export`, in float32 or in eight bits, whichever is larger; where the cells
    differ little, those of the largest. None of the operators reads a file or runs code.

    Example:
        >>> most_operators(Architecture(vocabulary_size=9, embedding_size=2, hidden_sizes=(4, 3)))["Scan"]
        2
    """
    layers = architecture.num_layers
    modulations = layers * architecture.state_modulation
    products = 2 * layers + modulations + 1
    by_row = ("ReduceMax", "Abs", "Max", "Round", "Div", "Cast")  # each row rounded to steps of its own
    return {
        **dict.fromkeys(("LSTM", "GRU", "RNN", "Scan"), layers),
        **dict.fromkeys(("MatMul", "Gemm", _INT8_OPERATOR, "QuantizeLinear", *by_row), products),
        "Add": 2 * layers + modulations + 2 * products,  # of a bias, and of the step that stands for zero
        "Mul": 3 * layers + 2 * modulations + 2 * products,  # by the scale of a row, and for it
        "Identity": layers,
        **dict.fromkeys(("Sigmoid", "Tanh"), 3 * layers + modulations),
        "LogSoftmax": 1,
        "Squeeze": layers,
        "Split": layers,
        **dict.fromkeys(("Concat", "Gather", "Shape", "DequantizeLinear"), 1),
        "Reshape": 2,
        "Transpose": 3,
    }


def quantized_names(name: str) -> tuple[str, str]:
    """Return the names of a matrix in eight bits, and of its scale."""
    return f"{name}_quantized", f"{name}_scale"


def state_widths(architecture: Architecture) -> dict[str, int]:
    """Return the names of the arrays in a state, in order, with the width `H` of each."""
    arrays = CELLS[architecture.cell].state
    return {f"{array}_{index}": width for index, width in enumerate(architecture.hidden_sizes) for array in arrays}


def next_name(name: str) -> str:
    """Return the name of the state array `name` after the last token."""
    return f"next_{name}"
