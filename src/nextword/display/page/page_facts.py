"""What a page says of a model besides its weights: its figures, the curve of its training run, and its card."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from operator import attrgetter
from pathlib import Path
from typing import Any, Literal

from markdown_it import MarkdownIt

from nextword.bundle.bundle import Bundle
from nextword.bundle.model_card import SplitMetrics
from nextword.bundle.origin_text import OriginText
from nextword.bundle.run_directory import LOG_FILE, METRICS_FILE, read_rows, read_split_metrics
from nextword.display.chart import Axis, perplexity_chart
from nextword.errors import TextError
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
    """What the page with a model inside says of it besides what the bundle holds."""

    model_hash: str = ""  # tells the model from others; by default it is computed from the packed weights
    # Figures by their label, such as `{"perplexity (test)": "71.20"}`.
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
        """Return what a page says of a model."""
        return cls(model_hash, page_figures(bundle, metrics) | {"weights in this page": "int8"}, curve)


def page_figures(bundle: Bundle, metrics: Sequence[SplitMetrics] = ()) -> dict[str, str]:
    """Return the figures of a model by their label. The model card, which the page shows below them, has the others."""
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
    """Return the training curve in the `log.jsonl` of a run; empty if there is no such file yet."""
    return read_rows(log, lambda text: curve_of(map(json.loads, text.splitlines())), max_bytes=_MAX_LOG_BYTES)


def curve_of(rounds: Iterable[Mapping[str, Any]]) -> tuple[CurvePoint, ...]:
    """Return the training curve of a run, without rounds whose perplexities are not finite."""
    points = (
        CurvePoint(row["round"], float(row["train_perplexity"]), float(row["valid_perplexity"])) for row in rounds
    )
    return tuple(point for point in points if math.isfinite(point.train) and math.isfinite(point.valid))


_MAX_OPEN = 50
"""How deep elements may be nested; JSON is read and written recursively."""

_PARSER = MarkdownIt("commonmark", {"html": False}).enable("table").disable(["autolink", "image"])


def card_elements(card: str) -> list[Any]:
    """Return the elements of a text in Markdown: a string for a text, a list of its name and its content for others.

    HTML in the Markdown is text, and so is a link, with its address behind it. Headings begin at `h2`.
    """
    stack: list[list[Any]] = [[]]
    addresses: list[object] = []
    for token in chain.from_iterable(token.children or [token] for token in _PARSER.parse(card)):
        inner = stack[-1]
        if token.nesting == 1:
            addresses.append(token.attrs.get("href"))
            if not (token.hidden or token.tag == "a" or len(stack) > _MAX_OPEN):
                inner.append([f"h{min(6, int(token.tag[1]) + 1)}" if token.type == "heading_open" else token.tag])
                inner = inner[-1]
            stack.append(inner)
        elif token.nesting == -1:
            stack.pop()
            if (address := addresses.pop()) and inner[-1:] != [address]:
                inner.append(f" ({address})")
        elif token.type in ("fence", "code_block"):
            inner.append(["pre", ["code", token.content]])
        else:
            text = " " if token.type == "softbreak" else token.content
            inner.append([token.tag, text] if token.type in ("code_inline", "hardbreak", "hr") else text)
    return stack[0]


MAX_CHARACTERS = 4000
"""Most characters of a passage."""


def facts_of(bundle: Bundle, run: Path | None, model_hash: str) -> PageFacts:
    """Return what a page says of a model: the metrics and the curve of its run, if it has one.

    Raises:
        CheckpointError: A file of the run is damaged.
    """
    if run is None:
        return PageFacts.of(bundle, model_hash=model_hash)
    metrics, curve = read_split_metrics(run / METRICS_FILE), read_curve(run / LOG_FILE)
    return PageFacts.of(bundle, metrics=metrics, curve=curve, model_hash=model_hash)


def held_out_passage(text: OriginText) -> str:
    """Return a page of text from the beginning of the test split."""
    if text.source is None:
        raise TextError(
            f"`--passage` needs a text, but `{text.origin.bundle}` is a bundle, and does not hold its text; name the "
            "text as TEXT"
        )
    return passage_of(islice(text.lines("test"), MAX_CHARACTERS))


def passage_of(lines: Iterable[str], *, max_characters: int = MAX_CHARACTERS) -> str:
    """Return the beginning of a text up to a line end, at most so long if it has shorter lines.

    It ends after a whole paragraph if one ends in its second half.
    """
    text = ""
    for line in lines:
        if not text and not line.strip():
            continue
        longer = f"{text}\n{line}" if text else line
        if len(longer) > max_characters:
            break
        text = longer
    else:
        return text.rstrip()
    text = text or longer[:max_characters].rpartition(" ")[0] or longer[:max_characters]
    end = len(text) if text.endswith("\n") else text.rfind("\n\n")  # after a blank line, the text ends a paragraph
    return (text[:end] if end > len(text) // 2 else text).rstrip()
