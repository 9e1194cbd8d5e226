"""How a text is cut into batches: the tutorial's successive windows, and parallel streams with carried state."""

from dataclasses import dataclass

import numpy as np

from nextword.text.batching.window import Streams, SuccessiveWindows, Window
from pictures.drawing import Drawing

_TEXT = "she had a lively playful mind and was happy to see him again"
_NUM_BATCHES = 2

_WIDTH, _LEFT, _STATE, _BETWEEN, _END = 540.0, 6.0, 36.0, 62.0, 28.0
_CELL, _ROW = 50.0, 64.0


def draw_windows(text: str = _TEXT, *, batch_size: int = 2, num_steps: int = 3) -> Drawing:
    """Draw the first two batches of a text, cut in both ways.

    The text must have `2 * batch_size * num_steps + 1` words; the picture shows the inputs among these.
    """
    count = _NUM_BATCHES * batch_size * num_steps
    words = text.split()[:count]
    ids = np.arange(count + 1, dtype=np.int32)
    sizes = {"batch_size": batch_size, "num_steps": num_steps}
    successive = SuccessiveWindows(ids, **sizes, skip_step=num_steps)
    streams = Streams(ids[1:], **sizes, first_input=0)
    drawing = Drawing(
        _WIDTH,
        title="The tutorial's windows and parallel streams with carried state",
        description=(
            f"Two batches of {batch_size} rows with {num_steps} words each, from the text “{' '.join(words)}”. In the "
            "tutorial's windows, the rows of a batch are neighbors in the text, and each row begins with an empty "
            "state. In parallel streams, each row continues the row of the batch before, and takes over its state."
        ),
    )
    table = _Table(drawing, words, num_steps)
    bottom = table.draw(
        4,
        "The tutorial's windows",
        (
            "Rows of a batch are neighbors in the text. Each row",
            "begins with an empty state: what came before is lost.",
        ),
        [successive.window(step) for step in range(_NUM_BATCHES)],
    )
    drawing.height = table.draw(
        bottom + 26,
        "Parallel streams with carried state",
        (
            "The text is cut into long rows. Each row continues where",
            "the same row ended, with the state that it had there.",
        ),
        [streams.window(step) for step in range(_NUM_BATCHES)],
    )
    return drawing


@dataclass(frozen=True)
class _Table:
    drawing: Drawing
    words: list[str]
    num_steps: int

    @property
    def cell_width(self) -> float:
        return (_WIDTH - 2 * _LEFT - _STATE - _BETWEEN - _END) / (_NUM_BATCHES * self.num_steps)

    def left_of(self, batch: int) -> float:
        return _LEFT + _STATE + batch * (self.num_steps * self.cell_width + _BETWEEN)

    def draw(self, top: float, title: str, says: tuple[str, str], windows: list[Window]) -> float:
        """Draw one way of cutting; return the lower edge."""
        self.drawing.text(_LEFT, top + 20, title, "heading")
        for index, line in enumerate(says):
            self.drawing.text(_LEFT, top + 44 + 20 * index, line, "note", room=_WIDTH - 2 * _LEFT)
        for batch in range(_NUM_BATCHES):
            self.drawing.text(self.left_of(batch), top + 94, f"batch {batch + 1}", "label")
        begin = top + 104
        for batch, window in enumerate(windows):
            for row, inputs in enumerate(window.inputs.tolist()):
                middle = begin + row * _ROW + _CELL / 2
                self._draw_row(batch, middle, inputs)
                if window.reset[row]:
                    self._draw_begin(batch, middle)
                self._draw_end(batch, middle, is_carried=not windows[-1].reset[row])
        return begin + len(windows[0].inputs) * _ROW

    def _draw_row(self, batch: int, middle: float, places: list[int]) -> None:
        width, top = self.cell_width, middle - _CELL / 2
        for index, place in enumerate(places):
            x = self.left_of(batch) + index * width
            self.drawing.rect(x + 1.5, top, width - 3, _CELL, "pale", radius=6)
            self.drawing.text(x + width / 2, top + 22, self.words[place], "label", anchor="middle", room=width - 6)
            self.drawing.text(x + width / 2, top + 42, f"{place + 1}", "note", anchor="middle")

    def _draw_begin(self, batch: int, middle: float) -> None:
        x = self.left_of(batch)
        self.drawing.circle(x - 24, middle, 10, "joint")
        self.drawing.text(x - 24, middle + 5, "0", "label", anchor="middle")
        self.drawing.arrow([(x - 14, middle), (x, middle)])

    def _draw_end(self, batch: int, middle: float, *, is_carried: bool) -> None:
        x = self.left_of(batch) + self.num_steps * self.cell_width
        if is_carried:
            to = x + (_BETWEEN if batch + 1 < _NUM_BATCHES else _END)
            self.drawing.arrow([(x, middle), (to, middle)], "state-wire")
            if batch + 1 < _NUM_BATCHES:
                self.drawing.text((x + to) / 2 - 3, middle - 9, "state", "label on", anchor="middle")
            return
        self.drawing.line([(x, middle), (x + 10, middle)], "wire")
        for sign in (-1, 1):
            self.drawing.line([(x + 10, middle - 6 * sign), (x + 22, middle + 6 * sign)], "cut")
