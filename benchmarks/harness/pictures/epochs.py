"""Perplexity and accuracy by epoch."""

from collections.abc import Mapping
from typing import Any

from harness.pictures.charts import Band, Line, Panel, lines

_TICKS = (10, 20, 30, 50, 60, 70, 80, 100, 150, 200, 300, 500, 1000, 2000, 5000)
_FORTY = {
    "train": ("training, dropout on", "quiet"),
    "valid_in_windows": ("validation, the tutorial's windows", "orange"),
    "valid_carried": ("validation, state carried", "blue"),
}


def forty_epochs_chart(data: Mapping[str, Any], what: str) -> str:
    """Return accuracy above perplexity for the tutorial's forty epochs; `what` says what it was trained on."""
    accuracy = Panel(
        "accuracy, %",
        [Line(label, data["epochs"], data[name]["accuracy"], hue) for name, (label, hue) in _FORTY.items()],
        bands=[Band("the tutorial's validation, 20 to 25 %", 20, 25)],
    )
    perplexity = Panel(
        "perplexity",
        [Line("", data["epochs"], data[name]["perplexity"], hue) for name, (_, hue) in _FORTY.items()],
        ticks=_TICKS,
        is_log=True,
    )
    title = f"Forty epochs of the tutorial's model, {what}: accuracy hardly moves while perplexity rises"
    return lines([accuracy, perplexity], title=title, x_label="epochs")


def run_chart(data: Mapping[str, Any], what: str) -> str:
    """Return perplexity above accuracy of a training run."""
    epochs, valid = data["epochs"], data["valid"]["perplexity"]
    best = min(range(len(valid)), key=valid.__getitem__)
    looks = {"train": ("training, dropout on", "quiet"), "valid": ("validation", "blue")}
    marker = "o" if len(epochs) < 30 else ""
    perplexity = [
        *(Line(label, epochs, data[name]["perplexity"], hue, marker=marker) for name, (label, hue) in looks.items()),
        Line(f"best, {valid[best]:.1f}", [epochs[best]], [valid[best]], "orange", "", "o"),
    ]
    accuracy = [Line("", epochs, data[name]["accuracy"], hue, marker=marker) for name, (_, hue) in looks.items()]
    panels = [
        Panel("perplexity", perplexity, ticks=_TICKS, is_log=True),
        Panel("accuracy, %", accuracy),
    ]
    return lines(panels, title=f"Perplexity and accuracy by epoch: {what}", x_label="epochs")
