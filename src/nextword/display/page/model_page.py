"""The page of a model of a run: the model, the metrics of its run, and held-out text."""

from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from nextword.bundle.bundle import Bundle
from nextword.bundle.origin_text import OriginText
from nextword.bundle.run_directory import LOG_FILE, METRICS_FILE, read_split_metrics
from nextword.bundle.store import identity_of, read_bundle
from nextword.display.page.html_file import write_html
from nextword.display.page.page_facts import PageFacts, read_curve
from nextword.errors import TextError

MAX_CHARACTERS = 4000
"""Most characters of a passage."""


def write_page(path: Path, text: OriginText, *, with_passage: bool) -> int:
    """Write the page of a model as one file, with a passage of the test split if asked for; return its size in bytes.

    Raises:
        TextError: The passage is asked for, and the text cannot be read.
    """
    bundle, model_hash = read_bundle(text.origin.bundle), identity_of(text.origin.bundle).split()[-1]
    passage = held_out_passage(text) if with_passage else None
    return write_html(path, bundle, passage=passage, facts=facts_of(bundle, text.origin.run, model_hash))


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
