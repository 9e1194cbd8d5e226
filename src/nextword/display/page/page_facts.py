"""What a page says of a model besides what the bundle holds: its figures, and the curve of its training run."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import Any, Literal

from nextword.bundle.bundle import Bundle
from nextword.bundle.model_card import SplitMetrics
from nextword.bundle.run_directory import read_rows
from nextword.display.chart import Axis, perplexity_chart
from nextword.text.tokens.tokenizer import Tokenizer

_MAX_LOG_BYTES = 2**24
_CHART_WIDTH = 500
_TRAIN, _VALID = attrgetter("train"), attrgetter("valid")


@dataclass(frozen=True)
class CurvePoint:
    """The perplexity of a round of training: on the training split with dropout, and on the validation split."""

    round: int
    train: float
    valid: float


@dataclass(frozen=True)
class PageFacts:
    """What the page with a model inside says of it besides what the bundle holds.

    Attributes:
        model_hash: Tells the model from others; by default it is computed from the packed weights.
        figures: Figures by their label, such as `{"perplexity (test)": "71.20"}`.
        curve: The rounds of the training run.
    """

    model_hash: str = ""
    figures: Mapping[str, str] = field(default_factory=dict)
    curve: Sequence[CurvePoint] = ()

    @classmethod
    def of(
        cls,
        bundle: Bundle,
        *,
        metrics: Sequence[SplitMetrics] = (),
        curve: Sequence[CurvePoint] = (),
        model_hash: str = "",
    ) -> "PageFacts":
        """Return what a page says of a model.

        Args:
            bundle: The model.
            metrics: The figures of each split.
            curve: The rounds of the training run.
            model_hash: Tells the model from others.
        """
        return cls(model_hash, page_figures(bundle, metrics) | {"weights in this page": "int8"}, curve)


def page_figures(bundle: Bundle, metrics: Sequence[SplitMetrics] = ()) -> dict[str, str]:
    """Return the figures of a model by their label. The model card, which the page shows below them, has the others.

    Args:
        bundle: The model.
        metrics: The figures of each split.
    """
    perplexities = {f"perplexity ({row.split})": f"{row.perplexity:,.2f}" for row in metrics}
    accuracies = {f"accuracy ({row.split})": f"{row.accuracy:.2%}" for row in metrics}
    spelled = {
        f"bits per character ({row.split})": f"{row.bits_per_character:.3f}"
        for row in metrics
        if row.num_out_of_vocabulary
    }
    return {
        "vocabulary": bundle.tokenizer.summary,
        "parameters": f"{bundle.architecture.num_parameters:,}",
        **spelled,
        **perplexities,
        **accuracies,
    }


def curve_chart(curve: Sequence[CurvePoint]) -> list[Any] | None:
    """Return the chart of a training curve as an element; `None` without rounds."""
    if not curve:
        return None
    axis = Axis("rounds", 1, max(2, *(point.round for point in curve)))
    train, valid = ([(point.round, values(point)) for point in curve] for values in (_TRAIN, _VALID))
    return perplexity_chart(train, valid, axis, width=_CHART_WIDTH).to_element()


def page_unit(tokenizer: Tokenizer) -> Literal["word", "subword", "character"]:
    """Return what the page calls a token."""
    return "word" if tokenizer.kind == "pretokenized" else tokenizer.kind


def read_curve(log: Path) -> tuple[CurvePoint, ...]:
    """Return the training curve in the `log.jsonl` of a run; empty if there is no such file yet.

    Raises:
        CheckpointError: The file cannot be read, or is not a log.
    """
    return read_rows(log, lambda text: curve_of(map(json.loads, text.splitlines())), max_bytes=_MAX_LOG_BYTES)


def curve_of(rounds: Iterable[Mapping[str, Any]]) -> tuple[CurvePoint, ...]:
    """Return the training curve of a run, without rounds whose perplexities are not finite.

    Args:
        rounds: The rounds, as the log has them.

    Example:
        >>> curve_of([{"round": 1, "train_perplexity": 412.7, "valid_perplexity": 221.3}])
        (CurvePoint(round=1, train=412.7, valid=221.3),)
    """
    points = (
        CurvePoint(row["round"], float(row["train_perplexity"]), float(row["valid_perplexity"])) for row in rounds
    )
    return tuple(point for point in points if math.isfinite(point.train) and math.isfinite(point.valid))
