"""One step of the cells that ONNX has no operator for, in plain operators.

A step adds its nodes to the body of a loop, from the hidden state `(B, H)`, the cell `(B, H)` and the input of the step
to the next hidden state and cell. The equations stand in `nextword.ops`.
"""

from collections.abc import Callable, Mapping

import numpy as np

from nextword.architecture import Architecture
from nextword.export.graph_builder import GraphBuilder

Step = Callable[[GraphBuilder, str, str, str], tuple[str, str]]
"""Takes body, hidden, cell and input; gives the next hidden state and cell."""

Names = Mapping[str, str]

EPSILON = 1e-5
"""What layer normalization adds to the variance."""


def capped_step(constants: Names) -> Step:
    """Return the step of an LSTM with a capped input gate, whose input is all that does not depend on the state."""

    def step(body: GraphBuilder, hidden: str, cell: str, projected: str) -> tuple[str, str]:
        recurrent = body.add("MatMul", hidden, constants["recurrent_kernel"])
        return _add_update(body, body.add("Add", projected, recurrent), cell, cap_input_gate=True)

    return step


def normalized_step(constants: Names, *, cap_input_gate: bool) -> Step:
    """Return the step of an LSTM with layer normalization, whose input is all that does not depend on the state."""

    def squash(body: GraphBuilder, cell: str) -> str:
        gain, bias = constants["cell_gain"], constants["cell_bias"]
        return body.add("Tanh", body.add("LayerNormalization", cell, gain, bias, epsilon=EPSILON))

    def step(body: GraphBuilder, hidden: str, cell: str, projected: str) -> tuple[str, str]:
        product = body.add("MatMul", hidden, constants["recurrent_kernel"])
        recurrent = body.add("LayerNormalization", product, constants["recurrent_gain"], epsilon=EPSILON)
        gates = body.add("Add", projected, recurrent)
        return _add_update(body, gates, cell, cap_input_gate=cap_input_gate, squash=squash)

    return step


def mogrifier_step(architecture: Architecture, constants: Names) -> Step:
    """Return the step of a Mogrifier LSTM, whose input is that of the layer."""

    def modulated(body: GraphBuilder, source: str, target: str, index: int) -> str:
        name = f"modulation_{index}"
        factors = ("kernel",) if architecture.mogrifier_rank is None else ("left", "right")
        product = source
        for factor in factors:
            product = body.add("MatMul", product, constants[f"{name}_{factor}"])
        gate = body.add("Sigmoid", body.add("Add", product, constants[f"{name}_bias"]))
        return body.add("Mul", body.add("Mul", gate, body.constant("two", np.array(2, np.float32))), target)

    def step(body: GraphBuilder, hidden: str, cell: str, x_t: str) -> tuple[str, str]:
        x, h = x_t, hidden
        for index in range(1, architecture.mogrifier_rounds + 1):
            if index % 2:
                x = modulated(body, h, x, index)
            else:
                h = modulated(body, x, h, index)
        product = body.add("MatMul", body.add("Concat", x, h, axis=-1), constants["joined_kernel"])
        gates = body.add("Add", product, constants["bias"])
        return _add_update(body, gates, cell, cap_input_gate=architecture.cap_input_gate)

    return step


def _add_update(
    body: GraphBuilder,
    gates: str,
    cell: str,
    *,
    cap_input_gate: bool,
    squash: Callable[[GraphBuilder, str], str] = lambda body, cell: body.add("Tanh", cell),
) -> tuple[str, str]:
    """Add what follows from the gates before their functions `(B, 4H)`: see `nextword.ops.lstm.update_cell`."""
    i, f, g, o = body.add_all("Split", [gates], 4, axis=-1)
    i, f, g, o = body.add("Sigmoid", i), body.add("Sigmoid", f), body.add("Tanh", g), body.add("Sigmoid", o)
    if cap_input_gate:
        one = body.constant("one", np.array(1, np.float32))
        i = body.add("Min", i, body.add("Sub", one, f))
    cell = body.add("Add", body.add("Mul", f, cell), body.add("Mul", i, g))
    return body.add("Mul", o, squash(body, cell)), cell
