"""The table of cells: the kinds of recurrent layers, and the shapes of their weights."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from nextword.model.architecture import Architecture

Shape = tuple[int, ...]

CellName = Literal["lstm", "gru", "rnn"]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A kind of recurrent layer: a row of the table of cells.

    To add one, write its layer in `layers/recurrence.py`, add its name and its row here and, if it can be exported, its
    graph to `GRAPHS` of `nextword.export.language_model_graph`.

    Attributes:
        title: Name for readers.
        num_gates: Number of gates, each `H` columns of the kernels.
        state: Names of the state arrays `(B, H)`.
        onnx_gates: The place among ours of each gate of the cell's operator in ONNX; empty if there is none. An LSTM of
            ONNX has i, o, f, c.
        extra_shapes: Returns names and shapes of the weights besides kernel, recurrent kernel and bias, for an
            architecture, `I` and `H`.
    """

    title: str
    num_gates: int
    state: tuple[str, ...]
    onnx_gates: tuple[int, ...] = ()
    extra_shapes: "Callable[[Architecture, int, int], dict[str, Shape]]" = lambda *_: {}


def _lstm_shapes(architecture: "Architecture", input_size: int, hidden_size: int) -> dict[str, Shape]:
    if not architecture.state_modulation:
        return {}
    return {"modulation_kernel": (input_size, hidden_size), "modulation_bias": (hidden_size,)}


CELLS: dict[CellName, Cell] = {
    "lstm": Cell(
        title="LSTM",
        num_gates=4,  # input, forget, candidate, output
        state=("hidden", "cell"),
        onnx_gates=(0, 3, 1, 2),
        extra_shapes=_lstm_shapes,
    ),
    "gru": Cell(
        title="GRU",
        num_gates=3,  # update, reset, candidate
        state=("hidden",),
        onnx_gates=(0, 1, 2),
    ),
    "rnn": Cell(title="RNN", num_gates=1, state=("hidden",), onnx_gates=(0,)),
}
"""The table of cells: the differences between the kinds of recurrent layers."""
