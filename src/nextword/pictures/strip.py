"""Strips of units: one bar for each, as high as its value."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nextword.pictures.svg import Drawing

WIDTH, HEIGHT = 80.0, 40.0


@dataclass(frozen=True)
class Strip:
    """The values of some units, drawn as bars.

    Attributes:
        name: What they are, for the tips.
        values: One for each unit.
        units: The numbers of the units.
        is_gate: Whether values are from 0 to 1; others have a sign.
        reach: The value of a bar at full height.
        marked: Index of the unit that stands out; `None` for none.
    """

    name: str
    values: NDArray[np.float64]
    units: Sequence[int]
    is_gate: bool
    reach: float = 1.0
    marked: int | None = None

    def draw(self, drawing: Drawing, left: float, top: float) -> None:
        """Draw the strip, `WIDTH` wide and `HEIGHT` high."""
        pitch = WIDTH / len(self.values)
        gap = min(2.0, 0.25 * pitch)
        for index, (unit, value) in enumerate(zip(self.units, self.values.tolist(), strict=True)):
            x = left + index * pitch
            tip, is_marked = f"unit {unit}: {self.name} = {value:.3f}", index == self.marked
            if is_marked:
                drawing.rect(x - gap / 2, top - 5, pitch, HEIGHT + 10, "marked", radius=2)
            else:
                drawing.rect(x, top, pitch - gap, HEIGHT, "track")
            self._draw_bar(drawing, x, top, pitch - gap, value)
            drawing.rect(x - gap / 2, top - 5, pitch, HEIGHT + 10, "over", tip=tip)
        if not self.is_gate:
            middle = top + HEIGHT / 2
            drawing.line([(left - 2, middle), (left + WIDTH, middle)], "zero")

    def _draw_bar(self, drawing: Drawing, x: float, top: float, width: float, value: float) -> None:
        share = min(1.0, abs(value) / self.reach)
        if self.is_gate:
            drawing.rect(x, top + HEIGHT * (1 - share), width, HEIGHT * share, "gate")
            return
        half = HEIGHT / 2
        kind, begin = ("positive", half * (1 - share)) if value >= 0 else ("negative", half)
        drawing.rect(x, top + begin, width, half * share, kind)
