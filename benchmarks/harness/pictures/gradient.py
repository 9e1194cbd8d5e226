"""How far back a gradient reaches in three kinds of recurrent layers."""

from collections.abc import Mapping, Sequence
from typing import Any

from harness.pictures.charts import Line, Panel, lines

LABELS = {"rnn": "simple recurrent network", "gru": "GRU", "lstm": "LSTM, forget bias 1"}
PANELS = ("uniform", "orthogonal", "trained")
_TITLES = {
    "uniform": "at initialization, uniform weights",
    "orthogonal": "at initialization, orthogonal weights",
    "trained": "after 600 steps of training",
}
_HUES = {"rnn": "orange", "gru": "quiet", "lstm": "blue"}
_TICKS = [10.0**power for power in (-9, -7, -5, -3, -1, 1)]


def gradient_chart(curves: Mapping[str, Any]) -> str:
    """Return a panel for each state of the weights, every curve as a share of its hidden state's gradient at lag 0."""
    panels = [_panel(name, curves[name]) for name in PANELS]
    title = "How the gradient shrinks with every step back, for a simple recurrent network, a GRU and an LSTM"
    return lines(panels, title=title, x_label="steps back")


def _panel(name: str, curves: Mapping[str, Sequence[float]]) -> Panel:
    drawn: list[Line] = []
    for cell, label in LABELS.items():
        first = curves[cell][0]
        shares = [norm / first for norm in curves[cell]]
        drawn.append(Line(label, range(len(shares)), shares, _HUES[cell]))
        if cell == "lstm":  # no later step reads the last step's cell
            shares = [norm / first for norm in curves["lstm cell"][1:]]
            drawn.append(Line("its cell", range(1, len(shares) + 1), shares, _HUES[cell], style="--"))
    return Panel("gradient, share of the last", drawn, _TITLES[name], _TICKS, True, (1e-9, 30.0))
