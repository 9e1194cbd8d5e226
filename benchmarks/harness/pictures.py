"""The table of all pictures in SVG of the documentation: the file, and what draws it."""

import io
import json
import shlex
import tempfile
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.charts import (
    forty_epochs_chart,
    gradient_chart,
    ideas_chart,
    minutes_chart,
    programs_chart,
    run_chart,
    speed_chart,
)
from harness.ledger import Result, read_ledger
from harness.sequences import sequences_picture
from nextword.cli.main import nextword

DOCS = Path(__file__).resolve().parents[2] / "docs"
MAKE = "make pictures"


@dataclass(frozen=True)
class Picture:
    """A picture of the documentation.

    Attributes:
        path: Its file, in `docs/images`.
        command: What draws it: a call of `nextword draw`, or `make pictures`.
        chart: Returns it as SVG, if the command is `make pictures`.
    """

    path: str
    command: str = MAKE
    chart: Callable[[], str] | None = None

    def to_svg(self) -> str:
        """Return the content of the file.

        Raises:
            NextwordError: The call of `nextword draw` is rejected.
        """
        if self.chart is not None:
            return self.chart()
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "picture.svg"
            with redirect_stdout(io.StringIO()):
                nextword.main([*shlex.split(self.command)[1:], "--output", str(file)], standalone_mode=False)
            return file.read_text(encoding="utf-8")


def _charted(path: str, source: str, chart: Callable[..., str], *arguments: Any) -> Picture:
    """Return a chart of the ledger, or of a JSON file of `docs`."""

    def drawn() -> str:
        if source.endswith(".jsonl"):
            return chart(read_ledger(DOCS / source, Result), *arguments)
        return chart(json.loads((DOCS / source).read_text(encoding="utf-8")), *arguments)

    return Picture(path, chart=drawn)


def _measured_speeds(data: Any) -> str:
    rows = zip(data["names"], data["median"], data["lower"], data["upper"], strict=True)
    speeds = {name: {"words_per_second": median, "lower": lower, "upper": upper} for name, median, lower, upper in rows}
    return speed_chart(speeds, data["title"])


_CELL = "nextword draw cell austen '\"I am very happy,\" said Anne.' --word 7 --mark 57"
_DATA = "images/data"

PICTURES = [
    Picture("learn/network.svg", "nextword draw network"),
    Picture("learn/cell.svg", _CELL),
    Picture("learn/architecture.svg", "nextword draw architecture tutorial --vocabulary-size 10000"),
    Picture("learn/windows.svg", "nextword draw windows"),
    Picture("learn/return-sequences.svg", chart=sequences_picture),
    _charted("learn/ideas.svg", "learn/data/ideas.json", ideas_chart),
    _charted("ptb-30-minutes.svg", "results.jsonl", programs_chart, "ptb", 30),
    _charted("ptb-minutes.svg", "results.jsonl", minutes_chart, "ptb"),
    _charted("vanishing-gradient.svg", f"{_DATA}/vanishing-gradient.json", lambda data: gradient_chart(data["panels"])),
    _charted("forty-epochs.svg", f"{_DATA}/forty-epochs.json", forty_epochs_chart, "in the tutorial's windows"),
    _charted(
        "forty-epochs-carried.svg",
        f"{_DATA}/forty-epochs-carried.json",
        forty_epochs_chart,
        "in streams with carried state",
    ),
    _charted("quick-austen.svg", f"{_DATA}/quick-austen.json", run_chart, "the preset quick on Austen"),
    _charted("ptb-120.svg", f"{_DATA}/ptb-120.json", run_chart, "120 minutes on the Penn Treebank"),
    _charted("training-speed.svg", f"{_DATA}/training-speed.json", _measured_speeds),
]
"""All pictures in SVG, in the order in which they are drawn. The pages that show them have their alternative texts."""
