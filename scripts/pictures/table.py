"""The table of all pictures in SVG of the documentation: the file, and what draws it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from documentation.live import SPEECH_UNIT
from harness.charts import fine_tuning_chart, gradient_chart, minutes_chart, programs_chart, speed_chart
from harness.ledger import Result, read_ledger
from nextword.model.architecture import ModelOptions
from nextword.model.presets import read_preset
from pictures.architecture import draw_architecture
from pictures.cell import CellView, draw_cell
from pictures.charts import (
    calibration_chart,
    dropout_chart,
    forty_epochs_chart,
    ideas_chart,
    points_chart,
    run_chart,
    text_size_chart,
    width_chart,
)
from pictures.colored_text import PredictedWord, draw_surprisal, draw_unit
from pictures.drawings import encoder_drawing, layers_drawing, sequences_picture, truncation_drawing
from pictures.model_drawings import attention_drawing, austen, cell_steps_drawing, tokens_drawing, word_map_drawing
from pictures.network import draw_network
from pictures.windows import draw_windows

DOCS = Path(__file__).resolve().parents[2] / "docs"


def _charted(source: str, chart: Callable[..., str], *arguments: Any) -> Callable[[], str]:
    """Return what draws a chart of the ledger, or of a JSON file of `docs`."""

    def drawn() -> str:
        if source.endswith(".jsonl"):
            return chart(read_ledger(DOCS / source, Result), *arguments)
        return chart(json.loads((DOCS / source).read_text(encoding="utf-8")), *arguments)

    return drawn


def _measured_speeds(data: Any) -> str:
    rows = zip(data["names"], data["median"], data["lower"], data["upper"], strict=True)
    speeds = {name: {"words_per_second": median, "lower": lower, "upper": upper} for name, median, lower, upper in rows}
    return speed_chart(speeds, data["title"])


def _surprisal_of(data: Any) -> str:
    return draw_surprisal([PredictedWord(*row) for row in data["words"]], "austen").to_svg()


def _tutorial() -> str:
    options = ModelOptions.from_table(read_preset("tutorial")["model"])
    return draw_architecture(options.build(10_000), "preset tutorial").to_svg()


_SPEECH = '"I am very happy," said Anne, "to see you here." She went to the window.'
_VALID = (
    'Charles laughed again and said, "Now Mary, you know very well how it really was. It was all your doing," (turning '
    'to Anne.) "He fancied that if he went with us, he should find you close by: he fancied everybody to be living in '
    "Uppercross; and when he discovered that Lady Russell lived three miles off, his heart failed him, and he had not "
    'courage to come. That is the fact, upon my honour. Mary knows it is."'
)
_DATA = "images/data"

PICTURES: dict[str, Callable[[], str]] = {
    "learn/network.svg": lambda: draw_network().to_svg(),
    "learn/cell.svg": lambda: draw_cell(
        austen(), '"I am very happy," said Anne.', CellView(word=2, unit=SPEECH_UNIT)
    ).to_svg(),
    "learn/architecture.svg": _tutorial,
    "learn/windows.svg": lambda: draw_windows().to_svg(),
    "learn/return-sequences.svg": sequences_picture,
    "learn/unit.svg": lambda: draw_unit(austen(), _SPEECH, SPEECH_UNIT).to_svg(),
    "learn/unit-valid.svg": lambda: draw_unit(austen(), _VALID, SPEECH_UNIT).to_svg(),
    "learn/surprisal.svg": _charted("learn/data/surprisal.json", _surprisal_of),
    "learn/cell-steps.svg": cell_steps_drawing,
    "learn/tokens.svg": tokens_drawing,
    "learn/word-map.svg": word_map_drawing,
    "learn/layers.svg": layers_drawing,
    "learn/truncation.svg": truncation_drawing,
    "learn/encoder-decoder.svg": encoder_drawing,
    "learn/attention.svg": attention_drawing,
    "learn/small-run.svg": _charted("learn/data/small-run.json", points_chart, "108 steps of a small model on Austen"),
    "learn/calibration.svg": _charted("learn/data/calibration.json", calibration_chart),
    "learn/text-size.svg": _charted("learn/data/text-size.json", text_size_chart),
    "learn/ideas.svg": _charted("learn/data/ideas.json", ideas_chart),
    "ptb-30-minutes.svg": _charted("results.jsonl", programs_chart, "ptb", 30),
    "ptb-minutes.svg": _charted("results.jsonl", minutes_chart, "ptb"),
    "vanishing-gradient.svg": _charted(f"{_DATA}/vanishing-gradient.json", lambda data: gradient_chart(data["panels"])),
    "forty-epochs.svg": _charted(f"{_DATA}/forty-epochs.json", forty_epochs_chart, "in the tutorial's windows"),
    "forty-epochs-carried.svg": _charted(
        f"{_DATA}/forty-epochs-carried.json",
        forty_epochs_chart,
        "in streams with carried state",
    ),
    "quick-austen.svg": _charted(f"{_DATA}/quick-austen.json", points_chart, "the preset quick on Austen"),
    "ptb-120.svg": _charted(f"{_DATA}/ptb-120.json", run_chart, "120 minutes on the Penn Treebank"),
    "fine-tuning.svg": _charted(f"{_DATA}/fine-tuning.json", fine_tuning_chart),
    "auto-width.svg": _charted(f"{_DATA}/auto.json", width_chart),
    "auto-dropout.svg": _charted(f"{_DATA}/auto.json", dropout_chart),
    "training-speed.svg": _charted(f"{_DATA}/training-speed.json", _measured_speeds),
}
"""What draws each picture, by its file in `docs/images`. The pages that show them have their alternative texts."""
