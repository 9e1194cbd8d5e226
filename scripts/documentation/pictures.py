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

from documentation.charts import (
    calibration_chart,
    dropout_chart,
    forty_epochs_chart,
    ideas_chart,
    points_chart,
    run_chart,
    text_size_chart,
    width_chart,
)
from documentation.drawings import encoder_drawing, layers_drawing, sequences_picture, truncation_drawing
from documentation.live import SPEECH_UNIT
from documentation.model_drawings import attention_drawing, austen, cell_steps_drawing, tokens_drawing, word_map_drawing
from harness.charts import fine_tuning_chart, gradient_chart, minutes_chart, programs_chart, speed_chart
from harness.ledger import Result, read_ledger
from nextword.cli.main import nextword
from nextword.display.pictures.colored_text import PredictedWord, draw_surprisal, draw_unit

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


_CELL = f"nextword draw cell austen '\"I am very happy,\" said Anne.' --word 2 --mark {SPEECH_UNIT}"


def _surprisal_of(data: Any) -> str:
    return draw_surprisal([PredictedWord(*row) for row in data["words"]], "austen").to_svg()


_SPEECH = '"I am very happy," said Anne, "to see you here." She went to the window.'
_VALID = (
    'Charles laughed again and said, "Now Mary, you know very well how it really was. It was all your doing," (turning '
    'to Anne.) "He fancied that if he went with us, he should find you close by: he fancied everybody to be living in '
    "Uppercross; and when he discovered that Lady Russell lived three miles off, his heart failed him, and he had not "
    'courage to come. That is the fact, upon my honour. Mary knows it is."'
)
_DATA = "images/data"

PICTURES = [
    Picture("learn/network.svg", "nextword draw network"),
    Picture("learn/cell.svg", _CELL),
    Picture("learn/architecture.svg", "nextword draw architecture tutorial --vocabulary-size 10000"),
    Picture("learn/windows.svg", "nextword draw windows"),
    Picture("learn/return-sequences.svg", chart=sequences_picture),
    Picture("learn/unit.svg", f"nextword draw unit austen '{_SPEECH}' --mark {SPEECH_UNIT}"),
    Picture("learn/unit-valid.svg", chart=lambda: draw_unit(austen(), _VALID, unit=SPEECH_UNIT).to_svg()),
    _charted("learn/surprisal.svg", "learn/data/surprisal.json", _surprisal_of),
    Picture("learn/cell-steps.svg", chart=cell_steps_drawing),
    Picture("learn/tokens.svg", chart=tokens_drawing),
    Picture("learn/word-map.svg", chart=word_map_drawing),
    Picture("learn/layers.svg", chart=layers_drawing),
    Picture("learn/truncation.svg", chart=truncation_drawing),
    Picture("learn/encoder-decoder.svg", chart=encoder_drawing),
    Picture("learn/attention.svg", chart=attention_drawing),
    _charted("learn/small-run.svg", "learn/data/small-run.json", points_chart, "108 steps of a small model on Austen"),
    _charted("learn/calibration.svg", "learn/data/calibration.json", calibration_chart),
    _charted("learn/text-size.svg", "learn/data/text-size.json", text_size_chart),
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
    _charted("quick-austen.svg", f"{_DATA}/quick-austen.json", points_chart, "the preset quick on Austen"),
    _charted("ptb-120.svg", f"{_DATA}/ptb-120.json", run_chart, "120 minutes on the Penn Treebank"),
    _charted("fine-tuning.svg", f"{_DATA}/fine-tuning.json", fine_tuning_chart),
    _charted("auto-width.svg", f"{_DATA}/auto.json", width_chart),
    _charted("auto-dropout.svg", f"{_DATA}/auto.json", dropout_chart),
    _charted("training-speed.svg", f"{_DATA}/training-speed.json", _measured_speeds),
]
"""All pictures in SVG, in the order in which they are drawn. The pages that show them have their alternative texts."""
