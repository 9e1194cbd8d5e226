"""`model.onnx` from an untrusted source, checked before anything runs it.

The file is a tree of protocol-buffer messages. What could reach outside of it, or hide what is computed, is refused by
a list of what may be there: fields of the messages by number, operators by name. Everything else is not known here and
not let in. The weights themselves are stepped over, so that this takes no time and no memory.
"""

import math
from collections.abc import Iterator
from typing import Any, Literal

from nextword.architecture import CELLS, Architecture
from nextword.bundle.files import ONNX, check_size, max_onnx_bytes
from nextword.errors import BundleError

# Fields of onnx.proto that may be there. Not among them: functions, training, sparse tensors, tensors in attributes,
# and of a tensor `external_data` (13) and `data_location` (14), which name another file.
_MODEL = frozenset([1, 2, 3, 5, 7, 8])
_GRAPH = frozenset([1, 2, 5, 11, 12, 13])
_NODE = frozenset([1, 2, 3, 4, 5, 7])
_ATTRIBUTE = frozenset([1, 2, 3, 4, 6, 7, 8, 20])
_TENSOR = frozenset([1, 2, 4, 5, 7, 8, 9])
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
"""What an exported model is made of. None makes more of its inputs than their product, reads a file or runs code."""

_INT8_OPERATORS = frozenset(["DynamicQuantizeLSTM", "DynamicQuantizeLinear"])
"""Those that turn numbers into eight bits: one of them is in every model whose weights are in int8."""

Precision = Literal["float32", "int8"]
"""How the weights of a model are stored."""

_MOST_NODES = 2000

TOKENS = "tokens"
LOG_PROBS = "log_probs"
HIDDEN = "hidden"

OPSET = 17
"""Of the operators, which has been known to ONNX since 2022."""

OLDEST_ONNXRUNTIME = (1, 23)
"""What the extra `run` asks for; older ones were not tried."""


def check_onnx_file(data: bytes, architecture: Architecture) -> Precision:
    """Refuse a file that is too long for its architecture, names another file, or computes by other means than ours do.

    Returns:
        The precision of its weights, which its operators tell.

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
    for number, value in _fields(data, _MODEL, "a model"):
        if number == 7:
            graphs += 1
            operators |= _check_graph(value, depth=0)
        elif number == 8:
            _check_domain(dict(_fields(value, _OPSET, "an operator set")).get(1, memoryview(b"")))
    if graphs != 1:
        raise ValueError(f"must hold one graph, but holds {graphs}")
    return operators


def _check_graph(data: Any, depth: int) -> set[str]:
    num_nodes, operators = 0, set[str]()
    for number, value in _fields(data, _GRAPH, "a graph"):
        if number == 1:
            num_nodes += 1
            operators |= _check_node(value, depth)
        elif number == 5:
            _check_tensor(value)
    if num_nodes > _MOST_NODES:
        raise ValueError(f"must hold at most {_MOST_NODES} nodes, but holds {num_nodes}")
    return operators


def _check_node(data: Any, depth: int) -> set[str]:
    operator, inner = b"", set[str]()
    for number, value in _fields(data, _NODE, "a node"):
        if number == 4:
            operator = bytes(_message(value))
        elif number == 7:
            _check_domain(value)
        elif number == 5:
            for field, part in _fields(value, _ATTRIBUTE, "an attribute"):
                if field == 6 and depth:
                    raise ValueError("must hold no loop inside a loop, but does")
                if field == 6:
                    inner = _check_graph(part, depth + 1)
    name = operator.decode("latin-1")
    if name not in OPERATORS:
        raise ValueError(f"must be made of the operators that nextword uses, but has {operator[:40]!a}")
    return inner | {name}


def _check_tensor(data: Any) -> None:
    dimensions = [value for number, value in _fields(data, _TENSOR, "a tensor") if number == 1]
    sizes = [size for part in dimensions for size in (_numbers(part) if isinstance(part, memoryview) else [part])]
    if math.prod(sizes) > len(data):
        raise ValueError(f"must hold all numbers of its tensors, but has a tensor of {sizes} in {len(data)} bytes")


def _check_domain(name: Any) -> None:
    if bytes(_message(name)) not in _DOMAINS:
        raise ValueError("must use the operators of ONNX and onnxruntime alone, but uses others")


def _fields(data: Any, known: frozenset[int], kind: str) -> Iterator[tuple[int, Any]]:
    """Yield the fields of a message, by number: whole numbers, or parts of `data`.

    Raises:
        ValueError: The message is cut off, or has a field that is not among the known ones.
    """
    data, place = _message(data), 0
    while place < len(data):
        tag, place = _varint(data, place)
        number, wire_type = tag >> 3, tag & 7
        if number not in known:
            raise ValueError(f"must hold no field {number} in {kind}, but does")
        if wire_type == 0:
            value, place = _varint(data, place)
            yield number, value
            continue
        if wire_type not in (2, 5):
            raise ValueError(f"must be as ONNX files are written, but has a field of type {wire_type}")
        length, place = _varint(data, place) if wire_type == 2 else (4, place)
        if length > len(data) - place:
            raise ValueError("must be whole, but is cut off")
        yield number, data[place : place + length]
        place += length


def _message(value: Any) -> memoryview:
    if not isinstance(value, memoryview):
        raise ValueError("must be as ONNX files are written, but has a number in place of a message or a name")
    return value


def _numbers(data: memoryview) -> list[int]:
    numbers, place = [], 0
    while place < len(data):
        number, place = _varint(data, place)
        numbers.append(number)
    return numbers


def _varint(data: memoryview, place: int) -> tuple[int, int]:
    """Return the number that begins at `place`, seven bits a byte, and where the next field begins."""
    number = 0
    for shift in range(0, 64, 7):
        if place >= len(data):
            raise ValueError("must be whole, but is cut off")
        byte = data[place]
        place += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, place
    raise ValueError("must be as ONNX files are written, but has a number of more than 64 bits")


def state_widths(architecture: Architecture) -> dict[str, int]:
    """Return the names of the arrays that make up a state, in order, and the width `H` of each.

    Example:
        >>> state_widths(Architecture(vocabulary_size=9, embedding_size=2, hidden_sizes=(4, 3)))
        {'hidden_0': 4, 'cell_0': 4, 'hidden_1': 3, 'cell_1': 3}
    """
    arrays = CELLS[architecture.cell].state
    return {f"{array}_{index}": width for index, width in enumerate(architecture.hidden_sizes) for array in arrays}


def next_name(name: str) -> str:
    """Return the name of what `name` has become after the last token."""
    return f"next_{name}"
