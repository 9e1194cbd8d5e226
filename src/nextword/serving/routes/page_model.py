"""What the page shows of the served model, and the model in the form that the page can run itself."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from nextword.bundle.run_directory import LOG_FILE, METRICS_FILE, read_split_metrics
from nextword.display.page.card import card_elements
from nextword.display.page.model_page import held_out_passage
from nextword.display.page.packed_model import pack_model
from nextword.display.page.page_facts import PageFacts, curve_chart, page_figures, page_unit, read_curve
from nextword.errors import CheckpointError, NextwordError
from nextword.serving.http.errors import ApiError
from nextword.serving.routes.bigrams import BigramSource
from nextword.serving.routes.work import EXAMPLE_HASH
from nextword.serving.served_model import ServedModel


class _PageValue(BaseModel):
    """A value for JavaScript, with its names."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True)


class PageDescription(_PageValue):
    """A model as the page shows it."""

    name: str = Field(description="Name of the model.", examples=["austen"])
    hash: str = Field(description="SHA-256 of its weights.", examples=[EXAMPLE_HASH])
    summary: str = Field(description="The model in a few words.", examples=["LSTM 416-208, 9,878 words"])
    unit: Literal["word", "subword", "character"] = Field(description="What a token is.", examples=["word"])
    vocabulary_size: int = Field(description="Number of tokens in the vocabulary.", examples=[9878])
    card: list[Any] = Field(
        description="The model card: texts, and elements as their name and content.", examples=[[["h2", "austen"]]]
    )
    figures: dict[str, str] = Field(description="Figures by their label.", examples=[{"parameters": "3,624,502"}])
    chart: list[Any] | None = Field(
        description="The training curve, as an element with its attributes; null if there is no log.",
        examples=[["svg", {"viewBox": "0 0 500 260"}]],
    )
    passage: str | None = Field(
        description="Held-out text, about a page; null if it cannot be read.", examples=["She was"]
    )
    bigram_source: BigramSource = Field(
        description="What bigram suggestions come from: counts of the training text, or the model itself."
    )


def packed_model(served: ServedModel) -> bytes:
    """Return a model as the page runs it, without the methods after training.

    Raises:
        ApiError: The page cannot run such a model, or its files are gone (404).
    """
    try:
        return pack_model(served.bundle, facts=PageFacts(model_hash=served.hash))
    except NextwordError as error:
        raise ApiError(404, f"the page cannot run this model: {error}", code="no_page_model") from error


def description_of(served: ServedModel) -> PageDescription:
    """Return what the page shows of a model. It reads the text of the model whole, once."""
    tokenizer, methods = served.model.tokenizer, {"methods": served.methods} if served.methods else {}
    curve = _rows(read_curve, served.text.origin.run, LOG_FILE)
    return PageDescription(
        name=served.name,
        hash=served.hash,
        summary=served.bundle.summary,
        unit=page_unit(tokenizer),
        vocabulary_size=tokenizer.vocabulary_size,
        card=card_elements(served.bundle.card),
        figures=page_figures(served.bundle, _rows(read_split_metrics, served.text.origin.run, METRICS_FILE)) | methods,
        chart=curve_chart(curve),
        passage=_passage(served),
        bigram_source="text" if served.text.is_readable() else "model",
    )


def _passage(served: ServedModel) -> str | None:
    try:
        return held_out_passage(served.text) or None
    except (NextwordError, OSError):
        return None


def _rows[Row](read: Callable[[Path], Sequence[Row]], run: Path | None, name: str) -> Sequence[Row]:
    """Return what a file of the run says; nothing if it is damaged, or the model is not in a run."""
    try:
        return () if run is None else read(run / name)
    except CheckpointError:
        return ()
