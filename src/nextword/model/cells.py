"""The table of cells: the kinds of recurrent layers."""

from dataclasses import dataclass
from typing import Literal

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
    """

    title: str
    num_gates: int
    state: tuple[str, ...]
    onnx_gates: tuple[int, ...] = ()


CELLS: dict[CellName, Cell] = {
    "lstm": Cell(
        title="LSTM",
        num_gates=4,  # input, forget, candidate, output
        state=("hidden", "cell"),
        onnx_gates=(0, 3, 1, 2),
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
