"""`model.onnx` from an untrusted source, checked before anything runs it.

The file is a tree of protocol-buffer messages. Two lists say what it may hold: fields of the messages by number, and
operators by name. Everything else is refused, because it could read another file or hide what is computed. The weights
are skipped, so the check takes little time and no memory.
"""

from typing import Literal

from nextword.architecture import CELLS, Architecture
from nextword.bundle.files import ONNX, check_size, max_onnx_bytes
from nextword.bundle.protobuf import Value, fields, message, numbers
from nextword.errors import BundleError

# The fields of onnx.proto that are allowed. Missing on purpose: functions, training, sparse tensors, tensors in
# attributes, and the fields `external_data` (13) and `data_location` (14) of a tensor, which name another file.
MODEL_FIELDS = frozenset([1, 2, 3, 5, 7, 8])
GRAPH_FIELDS = frozenset([1, 2, 5, 11, 12, 13])
_NODE = frozenset([1, 2, 3, 4, 5, 7])
_ATTRIBUTE = frozenset([1, 2, 3, 4, 6, 7, 8, 20])
TENSOR_FIELDS = frozenset([1, 2, 4, 5, 7, 8, 9])
_OPSET = frozenset([1, 2])

_DOMAINS = frozenset([b"", b"ai.onnx", b"com.microsoft"])

OPERATORS = frozenset(
    [
        *("LSTM", "DynamicQuantizeLSTM", "GRU", "RNN", "Scan"),
        *("MatMul", "Gemm", "MatMulInteger", "DynamicQuantizeLinear", "DequantizeLinear", "Cast"),
        *("Add", "Sub", "Mul", "Min", "Sum", "Sigmoid", "Tanh"),
        *("LayerNormalization", "LogSoftmax", "ReduceLogSumExp"),
        *("Concat", "Gather", "Identity", "Reshape", "Shape", "Split", "Squeeze", "Transpose", "Unsqueeze"),
    ]
)
"""The operators of exported models. None reads a file, runs code, or has a result larger than its inputs' product."""

_INT8_OPERATORS = frozenset(["DynamicQuantizeLSTM", "DynamicQuantizeLinear"])
"""Operators that round numbers to eight bits. Every model with int8 weights has one of them."""

Precision = Literal["float32", "int8"]
"""The precision of the stored weights."""

_MOST_NODES = 2000
_MOST_DIMENSIONS = 8

TOKENS = "tokens"
LOG_PROBS = "log_probs"
HIDDEN = "hidden"

OPSET = 17
"""The version of the ONNX operators, from 2022."""

OLDEST_ONNXRUNTIME = (1, 23)
"""The oldest version that the extra `run` allows; older versions were not tested."""


def check_onnx_file(data: bytes, architecture: Architecture) -> Precision:
    """Refuse a file that is too long for its architecture, names another file, or uses other operators than ours.

    Returns:
        The precision of its weights, which follows from its operators.

    Raises:
        BundleError: The file is refused.
    """
    check_size(ONNX, len(data), max_onnx_bytes(architecture))
    try:
        operators = _check_model(memoryview(data))
    except ValueError as error:
        raise BundleError(f"`{ONNX}` {error}; export the model again") from error
    return "int8" if operators & _INT8_OPERATORS else "float32"


def _check_model(data: memoryview) -> set[str]:
    """Return the names of the model's operators."""
    graphs, operators = 0, set[str]()
    for number, value in fields(data, MODEL_FIELDS, "a model"):
        if number == 7:
            graphs += 1
            operators |= _check_graph(value, depth=0)
        elif number == 8:
            _check_domain(dict(fields(value, _OPSET, "an operator set")).get(1, memoryview(b"")))
    if graphs != 1:
        raise ValueError(f"must hold one graph, but holds {graphs}")
    return operators


def _check_graph(data: Value, depth: int) -> set[str]:
    num_nodes, operators = 0, set[str]()
    for number, value in fields(data, GRAPH_FIELDS, "a graph"):
        if number == 1:
            num_nodes += 1
            if num_nodes > _MOST_NODES:
                raise ValueError(f"must hold at most {_MOST_NODES} nodes in a graph, but holds more")
            operators |= _check_node(value, depth)
        elif number == 5:
            _check_tensor(value)
    return operators


def _check_node(data: Value, depth: int) -> set[str]:
    operator, inner = b"", set[str]()
    for number, value in fields(data, _NODE, "a node"):
        if number == 4:
            operator = bytes(message(value))
        elif number == 7:
            _check_domain(value)
        elif number == 5:
            for field, part in fields(value, _ATTRIBUTE, "an attribute"):
                if field == 6 and depth:
                    raise ValueError("must hold no loop inside a loop, but does")
                if field == 6:
                    inner = _check_graph(part, depth + 1)
    name = operator.decode("latin-1")
    if name not in OPERATORS:
        raise ValueError(f"must be made of the operators that nextword uses, but has {operator[:40]!a}")
    return inner | {name}


def _check_tensor(data: Value) -> None:
    num_dimensions, size, num_bytes = 0, 1, len(message(data))
    for number, value in fields(data, TENSOR_FIELDS, "a tensor"):
        for dimension in numbers(value) if number == 1 else ():
            num_dimensions, size = num_dimensions + 1, size * dimension
            if num_dimensions > _MOST_DIMENSIONS:
                raise ValueError(f"must hold tensors of at most {_MOST_DIMENSIONS} dimensions, but has one of more")
            if size > num_bytes:
                raise ValueError(
                    f"must hold all numbers of its tensors, but has a tensor of {size} in {num_bytes} bytes"
                )


def _check_domain(name: Value) -> None:
    if bytes(message(name)) not in _DOMAINS:
        raise ValueError("must use the operators of ONNX and onnxruntime alone, but uses others")


def state_widths(architecture: Architecture) -> dict[str, int]:
    """Return the names of the arrays in a state, in order, with the width `H` of each.

    Example:
        >>> state_widths(Architecture(vocabulary_size=9, embedding_size=2, hidden_sizes=(4, 3)))
        {'hidden_0': 4, 'cell_0': 4, 'hidden_1': 3, 'cell_1': 3}
    """
    arrays = CELLS[architecture.cell].state
    return {f"{array}_{index}": width for index, width in enumerate(architecture.hidden_sizes) for array in arrays}


def next_name(name: str) -> str:
    """Return the name of the state array `name` after the last token."""
    return f"next_{name}"
