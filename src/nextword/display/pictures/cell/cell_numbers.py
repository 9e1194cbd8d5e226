"""The numbers that the picture of a cell shows."""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nextword.display.pictures.cell.lstm_steps import LSTMSteps

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CellNumbers:
    """Gates and state of some units at one step; arrays are `(N,)` for `N` units.

    Attributes:
        units: Their numbers in the layer.
        now: Arrays by the symbols `i`, `f`, `g`, `o`, `c` and `h`.
        c_before: The cell one step earlier.
        h_before: The hidden state one step earlier.
        marked: Index of the unit that stands out.
    """

    units: list[int]
    now: dict[str, Values]
    c_before: Values
    h_before: Values
    marked: int

    @classmethod
    def of(cls, steps: LSTMSteps, step: int, units: list[int], marked: int | None = None) -> Self:
        """Return the numbers of some units at a step; by default, that whose cell changes most is marked."""
        now = {name: getattr(steps, name)[step, units] for name in "ifgoch"}
        c_before, h_before = (steps.before(name)[step, units] for name in "ch")
        index = int(np.argmax(np.abs(now["c"] - c_before))) if marked is None else units.index(marked)
        return cls(units, now, c_before, h_before, index)

    @property
    def reach(self) -> float:
        """The value of a bar at full height in a cell: a whole number, at least 1."""
        return float(max(1, math.ceil(max(np.abs(self.now["c"]).max(), np.abs(self.c_before).max()))))

    def of_marked(self, symbol: str) -> str:
        """Return the value of the marked unit with two decimals."""
        before = {"c_before": self.c_before, "h_before": self.h_before}
        values = before[symbol] if symbol in before else self.now[symbol]
        return signed(float(values[self.marked]))

    @property
    def told(self) -> str:
        """The marked unit in words."""
        f, i, g, c, before = (self.of_marked(name) for name in ("f", "i", "g", "c", "c_before"))
        return (
            f"Unit {self.units[self.marked]}: forget gate {f}, input gate {i}, candidate {g}; its cell goes from "
            f"{before} to {c}."
        )


def signed(value: float) -> str:
    """Return a number with two decimals and a true minus sign.

    Example:
        >>> signed(-0.5), signed(-0.001)
        ('−0.50', '0.00')
    """
    shown = f"{abs(value):.2f}"
    return f"−{shown}" if value < 0 and shown != "0.00" else shown
