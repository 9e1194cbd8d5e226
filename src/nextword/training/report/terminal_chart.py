"""A curve drawn with the dots of Braille characters, for a terminal."""

import math
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from nextword.display.chart import even_ticks, log_ticks
from nextword.training.report.curve import GrowingCurve, Place

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bit of each dot of a Braille character, by row and column."""
_FIRST_BRAILLE = 0x2800
_COLUMNS, _ROWS = 2, 4

_MAX_WIDTH, _MAX_HEIGHT, _MIN_WIDTH, _MIN_HEIGHT = 100, 14, 30, 5
_LINES_AROUND = 6  # lines of the terminal that are left for the bar, the axis, the legend and what was printed before
_TRAIN_STYLE, _VALID_STYLE = "cyan", "bold magenta"
_BRAILLE_MARKS, _ASCII_MARKS = ("⠒", "●", "│", "└", "─"), ("*", "o", "|", "+", "-")


class TerminalChart:
    """The growing curve of a run as lines of text, as wide as the terminal but at most 100 columns.

    A terminal that is smaller than 30 columns or 12 lines shows nothing.
    """

    def __init__(self, curve: GrowingCurve) -> None:
        self._curve = curve

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw the curve as it is now."""
        width, height = min(options.max_width, _MAX_WIDTH), min(console.height - _LINES_AROUND, _MAX_HEIGHT)
        if not self._curve.is_empty and width >= _MIN_WIDTH and height >= _MIN_HEIGHT:
            yield from chart_lines(self._curve, width, height, ascii_only=options.ascii_only)


def chart_lines(curve: GrowingCurve, width: int, height: int, *, ascii_only: bool = False) -> Iterator[Text]:
    """Yield the lines of a chart: a legend, `height` rows with perplexities on the left, and the axis of epochs."""
    train_mark, valid_mark, side, corner, line = _ASCII_MARKS if ascii_only else _BRAILLE_MARKS
    low, high = curve.perplexities
    labels = _row_labels(low, high, height)
    indent = max(map(len, labels.values()), default=0)
    cells = _Cells(width - indent - 2, height, curve.last_epoch, (low, high))
    cells.draw_line(curve.train)
    yield _legend(curve, train_mark, valid_mark)
    marks = cells.marks(curve.valid)
    for row in range(height):
        text = Text(f"{labels.get(row, ''):>{indent}} {side}", no_wrap=True, overflow="crop", end="\n")
        drawn = [_character(bits, train_mark if ascii_only else "") for bits in cells.bits[row]]
        marked = [(row, column) in marks for column in range(len(drawn))]
        for is_mark, cells_of_style in groupby(zip(marked, drawn, strict=True), itemgetter(0)):
            part = "".join(valid_mark if is_mark else character for _, character in cells_of_style)
            text.append(part, _VALID_STYLE if is_mark else _TRAIN_STYLE)
        yield text
    yield Text(f"{'':{indent}} {corner}{line * cells.width}", no_wrap=True, overflow="crop")
    yield Text(_epoch_labels(curve.last_epoch, cells.width, indent + 2), no_wrap=True, overflow="crop")


class _Cells:
    """The character cells of a chart, each with the bits of its dots."""

    def __init__(self, width: int, height: int, last_epoch: float, perplexities: tuple[float, float]) -> None:
        self.width, self.height = width, height
        self.bits = [[0] * width for _ in range(height)]
        self._last_epoch = last_epoch
        self._low, self._high = map(math.log, perplexities)

    def draw_line(self, places: Sequence[Place]) -> None:
        dots = [self._dot(place) for place in places]
        for (x, y), (next_x, next_y) in zip(dots, dots[1:] or dots, strict=False):
            count = max(1, abs(next_x - x), abs(next_y - y))
            for number in range(count + 1):
                self._set(x + round((next_x - x) * number / count), y + round((next_y - y) * number / count))

    def marks(self, places: Sequence[Place]) -> set[tuple[int, int]]:
        """Return row and column of each place."""
        return {(y // _ROWS, x // _COLUMNS) for x, y in map(self._dot, places)}

    def _dot(self, place: Place) -> tuple[int, int]:
        epoch, perplexity = place
        across = epoch / self._last_epoch
        down = (self._high - math.log(perplexity)) / (self._high - self._low)
        return round(across * (self.width * _COLUMNS - 1)), round(down * (self.height * _ROWS - 1))

    def _set(self, x: int, y: int) -> None:
        self.bits[y // _ROWS][x // _COLUMNS] |= _DOTS[y % _ROWS][x % _COLUMNS]


def _character(bits: int, mark: str) -> str:
    if not bits:
        return " "
    return mark or chr(_FIRST_BRAILLE + bits)


def _row_labels(low: float, high: float, height: int) -> dict[int, str]:
    """Return the perplexities on the left by row: round numbers, or both ends if there are too few."""
    ticks = log_ticks(low, high, max(2, height // 2))
    if len(ticks) < 2:
        ticks = [low, high]
    span = math.log(high / low)
    return {round(math.log(high / tick) / span * (height - 1)): _number(tick) for tick in ticks}


def _epoch_labels(last_epoch: float, width: int, indent: int) -> str:
    line = " " * indent
    for tick in even_ticks(0, last_epoch, max(2, width // 12)):
        label = "0 epochs" if tick == 0 else f"{tick:.6g}"
        place = indent + round(tick / last_epoch * (width - 1))
        if place >= len(line.rstrip()) + 2 * bool(line.strip()) and place + len(label) <= indent + width:
            line = line.rstrip().ljust(place) + label
    return line


def _legend(curve: GrowingCurve, train_mark: str, valid_mark: str) -> Text:
    text = Text("perplexity  ", no_wrap=True, overflow="crop")
    for places, mark, name, style in (
        (curve.train, train_mark, "train (dropout on)", _TRAIN_STYLE),
        (curve.valid, valid_mark, "valid", _VALID_STYLE),
    ):
        if places:
            text.append(mark, style)
            text.append(f" {name} {_number(places[-1][1])}  ")
    return text


def _number(value: float) -> str:
    return f"{value:,.0f}" if 100 <= value < 1e9 else f"{value:.3g}"
