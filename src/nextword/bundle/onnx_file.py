"""`model.onnx` from an untrusted source, checked field by field and node by node before anything runs it.

The file is a tree of protocol-buffer messages, which are read without copying and without a library. The weights are
skipped, so the check takes little time and no memory.

Two lists say what it may hold: fields of the messages by number, and operators by name. Everything else is refused,
because it could read another file or hide what is computed.

onnxruntime computes what depends on constants alone while it loads a model, so a small file could fill the memory:
a few sums of a column and a row are enough. Such nodes are therefore refused, except for those of exported models.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from nextword.bundle.files import ONNX, check_size, max_onnx_bytes
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


Value = int | memoryview
"""The value of a field of a message: an integer, or a part of the file."""

# The fields of onnx.proto that are allowed. Missing on purpose: functions, training, sparse tensors, tensors in
# attributes, and the fields `external_data` (13) and `data_location` (14) of a tensor, which name another file.
MODEL_FIELDS = frozenset([1, 2, 3, 5, 7, 8])
GRAPH_FIELDS = frozenset([1, 2, 5, 11, 12, 13])
_NODE = frozenset([1, 2, 3, 4, 5, 7])
_ATTRIBUTE = frozenset([1, 2, 3, 4, 6, 7, 8, 20])
TENSOR_FIELDS = frozenset([1, 2, 4, 5, 7, 8, 9])
_OPSET = frozenset([1, 2])
_VALUE = frozenset([1, 2, 3])

_DOMAINS = frozenset([b"", b"ai.onnx", b"com.microsoft"])

_ON_CONSTANTS = {"Shape": 1, "Concat": 1, "Transpose": 3}
"""The operators that may depend on constants alone, with the largest number of each. A product of two numbers may too.

Their results are at most as large as all constants together."""

_MAX_DIMENSIONS = 8

_Names = frozenset[bytes]


class _Node(NamedTuple):
    operator: bytes
    inputs: list[bytes]
    results: list[bytes]
    bodies: list[Value]


class _Scope(NamedTuple):
    """What is known of the names in a graph."""

    varying: _Names  # what depends on the inputs of the model; everything else is constant
    single: _Names  # constants of one number


class _Counts:
    """Counts operators, and refuses one too many."""

    def __init__(self, most: Mapping[str, int]) -> None:
        self.found: Counter[str] = Counter()
        self._on_constants: Counter[str] = Counter()
        self._most = most

    def add(self, operator: bytes) -> None:
        name = operator.decode("latin-1")
        if name not in self._most:
            raise ValueError(f"must be made of the operators that nextword uses, but has {operator[:40]!a}")
        self.found[name] += 1
        if self.found[name] > self._most[name]:
            raise ValueError(
                f"must hold the operator {name} at most {self._most[name]} times, as its architecture needs, but holds "
                "more"
            )

    def add_constant(self, node: _Node, single: _Names) -> None:
        """Count a node that depends on constants alone. `single` names those of one number."""
        name = node.operator.decode("latin-1")
        if name == "Mul" and single.issuperset(node.inputs):
            return
        self._on_constants[name] += 1
        if self._on_constants[name] > _ON_CONSTANTS.get(name, 0):
            raise ValueError(f"must compute from its inputs, but has the operator {name} on constants alone")


def check_model(data: memoryview, most: Mapping[str, int]) -> frozenset[str]:
    """Return the names of the operators of a model.

    Raises:
        ValueError: The model is refused. The message continues a sentence that begins with the name of the file.
    """
    graphs, counts = 0, _Counts(most)
    for number, value in fields(data, MODEL_FIELDS, "a model"):
        if number == 7:
            graphs += 1
            _check_graph(value, counts, None)
        elif number == 8:
            _check_domain(dict(fields(value, _OPSET, "an operator set")).get(1, memoryview(b"")))
    if graphs != 1:
        raise ValueError(f"must hold one graph, but holds {graphs}")
    return frozenset(counts.found)


def _check_graph(data: Value, counts: _Counts, outer: _Scope | None) -> None:
    """Check a graph, or the body of a loop in the graph `outer`."""
    scope = _scope_of(data, outer)
    varying = set(scope.varying)
    for number, value in fields(data, GRAPH_FIELDS, "a graph"):
        if number != 1:
            continue
        node = _read_node(value)
        counts.add(node.operator)
        if node.bodies and outer:
            raise ValueError("must hold no loop inside a loop, but does")
        if len(node.bodies) > 1:
            raise ValueError(f"must hold one graph in each loop, but holds {len(node.bodies)} in one")
        for body in node.bodies:
            _check_graph(body, counts, _Scope(frozenset(varying), scope.single))
        _refuse_repeated_inputs(node)
        is_constant = varying.isdisjoint(node.inputs)
        if is_constant:
            counts.add_constant(node, scope.single)
        if is_constant or node.operator == b"Shape":  # which may be known before the model runs
            varying.difference_update(node.results)  # in a loop, they may hide names from outside
        else:
            varying.update(node.results)


def _refuse_repeated_inputs(node: _Node) -> None:
    if node.operator == b"Concat" and len(set(node.inputs)) < len(node.inputs):
        raise ValueError("must hold no Concat of a result with itself, but does")


def _scope_of(data: Value, outer: _Scope | None) -> _Scope:
    """Return what is known of the names in a graph before its nodes; its own names hide those of the graph outside."""
    inputs, sizes = set[bytes](), dict[bytes, int]()
    for number, value in fields(data, GRAPH_FIELDS, "a graph"):
        if number == 11:
            inputs.add(_name(value, 1))
        elif number == 5:
            name, size = _check_tensor(value)
            sizes[name] = max(size, sizes.get(name, 0))
    varying, single = outer or _Scope(frozenset(), frozenset())
    own_single = frozenset(name for name, size in sizes.items() if size == 1)
    return _Scope((varying | inputs) - sizes.keys(), (single - inputs - sizes.keys()) | own_single)


def _read_node(data: Value) -> _Node:
    node = _Node(b"", [], [], [])
    for number, value in fields(data, _NODE, "a node"):
        if number == 4:
            node = node._replace(operator=bytes(message(value)))
        elif number == 7:
            _check_domain(value)
        elif number == 5:
            node.bodies.extend(part for field, part in fields(value, _ATTRIBUTE, "an attribute") if field == 6)
        elif number in (1, 2) and len(message(value)):
            (node.inputs if number == 1 else node.results).append(bytes(message(value)))
    return node


def _name(data: Value, number: int) -> bytes:
    return bytes(message(dict(fields(data, _VALUE, "an input")).get(number, memoryview(b""))))


def _check_tensor(data: Value) -> tuple[bytes, int]:
    """Return the name of a tensor, and how many numbers it has."""
    name, num_dimensions, size, num_bytes = b"", 0, 1, len(message(data))
    for number, value in fields(data, TENSOR_FIELDS, "a tensor"):
        if number == 8:
            name = bytes(message(value))
        for dimension in numbers(value) if number == 1 else ():
            num_dimensions, size = num_dimensions + 1, size * dimension
            if num_dimensions > _MAX_DIMENSIONS:
                raise ValueError(f"must hold tensors of at most {_MAX_DIMENSIONS} dimensions, but has one of more")
            if size > num_bytes:
                raise ValueError(
                    f"must hold all numbers of its tensors, but has a tensor of {size} in {num_bytes} bytes"
                )
    return name, size


def _check_domain(name: Value) -> None:
    if bytes(message(name)) not in _DOMAINS:
        raise ValueError("must use the operators of ONNX and onnxruntime alone, but uses others")


def fields(data: Value, known: frozenset[int], kind: str) -> Iterator[tuple[int, Value]]:
    """Yield the number and the value of each field of a message: an integer, or a part of `data`."""
    data, place = message(data), 0
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


def message(value: Value) -> memoryview:
    """Return the value of a field that must be a message, a name or bytes."""
    if not isinstance(value, memoryview):
        raise ValueError("must be as ONNX files are written, but has a number in place of a message or a name")
    return value


def numbers(value: Value) -> Iterator[int]:
    """Yield the integers of a field: one, or several that are packed."""
    if isinstance(value, int):
        yield value
        return
    place = 0
    while place < len(value):
        number, place = _varint(value, place)
        yield number


def _varint(data: memoryview, place: int) -> tuple[int, int]:
    """Return the integer that begins at `place`, seven bits a byte, and the place after it."""
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
