"""The table of all pictures in SVG of the documentation: file, command and alternative text."""

import io
import json
import shlex
import tempfile
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.ledger.bars import bars_chart
from harness.ledger.picture import minutes_chart
from harness.ledger.result import read_results
from harness.pictures.charts import bars
from harness.pictures.epochs import forty_epochs_chart, run_chart
from harness.pictures.gradient import gradient_chart
from harness.pictures.ideas import ideas_chart
from nextword.cli.main import nextword

DOCS = Path(__file__).resolve().parents[3] / "docs"
MAKE = "make pictures"


@dataclass(frozen=True)
class Picture:
    """A picture of the documentation.

    Attributes:
        path: Its file, in `docs/images`.
        command: What draws it: a call of `nextword draw`, or `make pictures`.
        alt: What one sees, for a page that shows it.
        chart: Returns it as SVG, if the command is `make pictures`.
    """

    path: str
    command: str
    alt: str
    chart: Callable[[], str] | None = None

    def to_svg(self) -> str:
        """Return the content of the file."""
        return self.chart() if self.chart else drawn_by(self.command)


def drawn_by(command: str) -> str:
    """Return what a call of `nextword draw` draws.

    Raises:
        NextwordError: The call is refused.
    """
    program, *arguments = shlex.split(command)
    assert program == "nextword"  # noqa: S101 - the table is ours
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "picture.svg"
        with redirect_stdout(io.StringIO()):
            nextword.main([*arguments, "--output", str(file)], standalone_mode=False)
        return file.read_text(encoding="utf-8")


def data_of(path: str) -> Any:
    """Return the figures in a JSON file of `docs`."""
    return json.loads((DOCS / path).read_text(encoding="utf-8"))


def _drawn(name: str, command: str, alt: str) -> Picture:
    return Picture(f"learn/{name}.svg", command, alt)


def _charted(path: str, alt: str, chart: Callable[[], str]) -> Picture:
    return Picture(path, MAKE, alt, chart)


def _of_ledger(chart: Callable[..., str], *arguments: Any) -> Callable[[], str]:
    return lambda: chart(read_results(DOCS / "results.jsonl"), *arguments)


def _of_data(path: str, chart: Callable[..., str], *arguments: Any) -> Callable[[], str]:
    return lambda: chart(data_of(path), *arguments)


def _speed_chart(data: Any) -> str:
    below, above = (
        [abs(value - end) for value, end in zip(data["median"], data[name], strict=True)] for name in ("lower", "upper")
    )
    return bars(
        data["names"],
        data["median"],
        errors=(below, above),
        title=f"Words a second in training, medians, on {data['title']}",
        x_label="words a second in training; whiskers from quartile to quartile",
        emphasized=[name for name in data["names"] if name.startswith("nextword")],
        number="{:,.0f}",
    )


PICTURES = [
    _drawn(
        "network",
        "nextword draw network",
        "Above, a box with an arrow from its output back to its input. Below, the same network unrolled: one box "
        "for each word, with an arrow from each state to the next",
    ),
    _drawn(
        "cell",
        "nextword draw cell austen '\"I am very happy,\" said Anne.' --word 7 --mark 57",
        "The LSTM cell with the values of ten units at the second quotation mark: in the marked unit 57 the "
        "forget gate is empty, so nothing of the cell from the left remains",
    ),
    _drawn(
        "architecture",
        "nextword draw architecture tutorial --vocabulary-size 10000",
        "The layers of the tutorial's model from token ids to log-probabilities, with the shape after each and "
        "the number of its weights: 5,000,000, twice 2,002,000, and 5,010,000",
    ),
    _drawn(
        "windows",
        "nextword draw windows",
        "Twelve words in two batches. In the tutorial's windows each row begins with an empty state; in parallel "
        "streams an arrow carries the state of each row into the next batch",
    ),
    _charted(
        "learn/ideas.svg",
        "What each idea is worth in points of test perplexity on Austen. Most: the LSTM cell 22.3, count-based "
        "initialization 11.1, dynamic evaluation 10.7, cache 8.0, carried state 6.9. Dropout of 0.3 and more costs 8.0 "
        "in two epochs",
        _of_data("learn/data/ideas.json", ideas_chart),
    ),
    _charted(
        "ptb-30-minutes.svg",
        "Test perplexity after thirty minutes of training on the Penn Treebank: nextword 77.1, a small "
        "transformer 86.8, word_language_model 107.1, the tutorial's program 211.4",
        _of_ledger(bars_chart, "ptb", 30),
    ),
    _charted(
        "ptb-minutes.svg",
        "Test perplexity falls with the minutes of training, on three machines, and further with a cache and n-grams",
        _of_ledger(minutes_chart, "ptb"),
    ),
    _charted(
        "vanishing-gradient.svg",
        "How the gradient shrinks with every step back, for three kinds of layer",
        lambda: gradient_chart(data_of("images/data/vanishing-gradient.json")["panels"]),
    ),
    _charted(
        "forty-epochs.svg",
        "Forty epochs of the tutorial's preset: validation accuracy stays at 24 % while perplexity falls to 133 "
        "and then rises to 731",
        _of_data("images/data/forty-epochs.json", forty_epochs_chart, "in the tutorial's windows"),
    ),
    _charted(
        "forty-epochs-carried.svg",
        "Forty epochs with carried state: validation accuracy stays at 24 % while perplexity falls to 138 and "
        "then rises to 931",
        _of_data("images/data/forty-epochs-carried.json", forty_epochs_chart, "in streams with carried state"),
    ),
    _charted(
        "quick-austen.svg",
        "Two epochs of the preset quick on Austen: validation perplexity falls from 84 to 77",
        _of_data("images/data/quick-austen.json", run_chart, "the preset quick on Austen"),
    ),
    _charted(
        "ptb-120.svg",
        "Perplexity and accuracy over 120 minutes on the Penn Treebank: validation perplexity falls to 73.2",
        _of_data("images/data/ptb-120.json", run_chart, "120 minutes on the Penn Treebank"),
    ),
    _charted(
        "training-speed.svg",
        "Words a second in training: nextword 5,153, stock Keras 2,104, PyTorch in float32 2,534 and in bfloat16 "
        "3,750, with kept memory 5,398; at the tutorial's shape nextword 3,990 and the tutorial's program 807",
        _of_data("images/data/training-speed.json", _speed_chart),
    ),
]
"""All pictures in SVG, in the order in which they are drawn."""
