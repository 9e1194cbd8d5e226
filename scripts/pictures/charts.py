"""The charts of the course, drawn from numbers that its pages name."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from harness.chart import Line, Panel, bars, lines
from nextword.training.planning.auto_settings import WIDTHS, dropout_rates, million_words_for

_EPOCH_TICKS = (10, 20, 30, 50, 60, 70, 80, 100, 150, 200, 300, 500, 1000, 2000, 5000)
_FORTY = {
    "train": ("training, dropout on", "quiet"),
    "valid_in_windows": ("validation, the tutorial's windows", "orange"),
    "valid_carried": ("validation, state carried", "blue"),
}


def forty_epochs_chart(data: Mapping[str, Any], text: str) -> str:
    """Return accuracy above perplexity for the tutorial's forty epochs; `text` says what it was trained on."""
    ends = [min(data["epochs"]), max(data["epochs"])]
    claimed = [
        Line(name, ends, [at, at], "accent", "--")
        for name, at in (("the tutorial's validation, 20 to 25 %", 20), ("", 25))
    ]
    panels = [
        Panel("accuracy, %", [*_by_epoch(data, "accuracy", _FORTY), *claimed]),
        Panel("perplexity", _by_epoch(data, "perplexity", _FORTY, is_named=False), ticks=_EPOCH_TICKS, is_log=True),
    ]
    panels[1] = replace(panels[1], lines=[*panels[1].lines, *_marked(data)])
    title = f"Forty epochs of the tutorial's model, {text}: accuracy hardly moves while perplexity rises"
    return lines(panels, title=title, x_label="epochs")


def _marked(data: Mapping[str, Any]) -> list[Line]:
    """Return marks at the best and the last validation with the state carried, with their values."""
    epochs, values = data["epochs"], data["valid_carried"]["perplexity"]
    best = min(range(len(values)), key=values.__getitem__)
    notes = {at: f"{values[at]:.0f} in epoch {epochs[at]:.0f}" for at in (best, len(values) - 1)}
    return [
        Line("", [epochs[at]], [values[at]], "blue", "", "o", note=note, has_note_below=at == best)
        for at, note in notes.items()
    ]


def calibration_chart(data: Mapping[str, Any]) -> str:
    """Return how often the first guess is right, by the probability that the model gave it."""
    ends = [0, 100]
    drawn = [
        Line("if its probabilities were right", ends, ends, "quiet", "--"),
        Line("the sample model", data["says"], data["right"], "blue", marker="o"),
        Line(
            f"with temperature {data['temperature']:.2f}", data["says_warm"], data["right_warm"], "orange", marker="s"
        ),
    ]
    title = "Calibration of the sample model: how often its first guess is right, by the probability it gave"
    return lines([Panel("right, %", drawn, limits=(0, 100))], title=title, x_label="the model says, %")


def text_size_chart(data: Mapping[str, Any]) -> str:
    """Return test perplexity by the number of training tokens."""
    tokens = [round(row["train_tokens"] / 1000) for row in data["rows"]]
    values = [row["test_perplexity"] for row in data["rows"]]
    drawn = [
        Line("", [size], [value], "blue", "", "o", note=f"{value:.0f}")
        for size, value in zip(tokens, values, strict=True)
    ]
    panel = Panel(
        "test perplexity", [Line("", tokens, values, "blue"), *drawn], ticks=_EPOCH_TICKS, is_log=True, limits=(60, 270)
    )
    title = "Test perplexity of the preset quick by the number of words of Austen that it was trained on"
    return lines([panel], title=title, x_label="thousands of training tokens", x_ticks=tokens, has_log_x=True)


def run_chart(data: Mapping[str, Any], text: str) -> str:
    """Return perplexity above accuracy of a training run."""
    epochs, valid = data["epochs"], data["valid"]["perplexity"]
    best = min(range(len(valid)), key=valid.__getitem__)
    looks = {"train": ("training, dropout on", "quiet"), "valid": ("validation", "blue")}
    marker = "o" if len(epochs) < 30 else ""
    mark = Line(f"best, {valid[best]:.1f}", [epochs[best]], [valid[best]], "orange", "", "o")
    perplexity = [*_by_epoch(data, "perplexity", looks, marker), mark]
    accuracy = _by_epoch(data, "accuracy", looks, marker, is_named=False)
    panels = [Panel("perplexity", perplexity, ticks=_EPOCH_TICKS, is_log=True), Panel("accuracy, %", accuracy)]
    return lines(panels, title=f"Perplexity and accuracy by epoch: {text}", x_label="epochs")


def points_chart(data: Mapping[str, Any], text: str) -> str:
    """Return the perplexity of a run: in training at points within the rounds, in validation after each round."""
    epochs, valid = data["rounds"]["epoch"], data["rounds"]["valid_perplexity"]
    drawn = [
        Line("training, dropout on", data["points"]["epoch"], data["points"]["train_perplexity"], "quiet"),
        Line("validation", epochs, valid, "blue", marker="o"),
        Line("", epochs[-1:], valid[-1:], "blue", "", "o", note=f"{valid[-1]:.1f}"),
    ]
    panel = Panel("perplexity", drawn, ticks=_EPOCH_TICKS, is_log=True)
    return lines([panel], title=f"Perplexity by epoch: {text}", x_label="epochs")


def _by_epoch(
    data: Mapping[str, Any],
    measure: str,
    looks: Mapping[str, tuple[str, str]],
    marker: str = "",
    *,
    is_named: bool = True,
) -> list[Line]:
    """Return a line for each name of `looks`, which has labels and hues."""
    return [
        Line(label if is_named else "", data["epochs"], data[name][measure], hue, marker=marker)
        for name, (label, hue) in looks.items()
    ]


def ideas_chart(data: Mapping[str, Any]) -> str:
    """Return a bar for each idea as SVG, in three groups, each sorted by what the idea is worth."""
    groups: dict[str, list[Any]] = {
        "In the preset: worth, measured by leaving it out": [],
        "Not in it: added in training": [],
        "Added after training": [],
    }
    left_out, in_training, after = groups.values()
    for row in sorted(data["worth"], key=lambda row: -row["gain"]):
        (after if row["after_training"] else left_out if row["in_reference"] else in_training).append(row)
    rows, headings = list[Any](), dict[int, str]()
    for heading, group in groups.items():
        if group:
            headings[len(rows)] = heading
        rows += group
    names = [row["title"] for row in rows]
    return bars(
        names,
        [row["gain"] for row in rows],
        title="What each idea is worth: points of test perplexity on Austen",
        x_label="points of test perplexity; gray: noise, two seeds are 0.8 apart",
        note="Other cells: of equal size; the simple one at its best learning rate.",
        noise=0.8,
        emphasized=names,
        headings=headings,
        number_format="{:+.1f}",
    )


def width_chart(data: Mapping[str, Any]) -> str:
    """Return the width that `auto` chooses, by the words that training sees, with the runs behind it."""
    million_words, widths = [0.5, *map(million_words_for, WIDTHS), 40], [WIDTHS[0], *WIDTHS, WIDTHS[-1]]
    drawn = [Line("the formula", million_words, widths, "blue"), *_contests(data["width"])]
    title = "Width of the first layer by the words that training sees"
    panel = Panel("width of the first layer", drawn, ticks=(320, 400, 512, 640, 800, 1024), is_log=True)
    ticks = (0.5, 1, 2, 5, 10, 20, 40)
    return lines([panel], title=title, x_label="million words", x_ticks=ticks, has_log_x=True)


def dropout_chart(data: Mapping[str, Any]) -> str:
    """Return the dropout of the input that `auto` chooses, by the epochs, with the runs behind it."""
    epochs = [1.05**step for step in range(77)]
    rates = [dropout_rates(each)["input_dropout_rate"] for each in epochs]
    drawn = [Line("the formula", epochs, rates, "blue"), *_contests(data["dropout"])]
    panel = Panel("dropout of the input", drawn)
    ticks = (1, 2, 5, 10, 20, 40)
    return lines(
        [panel], title="Dropout of the input by the number of epochs", x_label="epochs", x_ticks=ticks, has_log_x=True
    )


def _contests(data: Mapping[str, Any]) -> list[Line]:
    looks = {"better": ("accent", "o"), "worse": ("quiet", "X")}
    return [
        Line(
            f"a {kind} run of the same length", [x for x, _ in data[kind]], [y for _, y in data[kind]], hue, "", marker
        )
        for kind, (hue, marker) in looks.items()
    ]
