"""What a page says about a model besides the model itself: the figures of its run, held-out text, and bigrams."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from nextword.bundle.bundle import Bundle
from nextword.bundle.origin_text import OriginText
from nextword.bundle.run_directory import LOG_FILE, METRICS_FILE, read_split_metrics
from nextword.bundle.store import identity_of, read_bundle
from nextword.display.page.bigrams import BigramTable
from nextword.display.page.html_file import write_html
from nextword.display.page.page_facts import PageFacts, read_curve
from nextword.errors import TextError

MAX_CHARACTERS = 4000
"""Most characters of a passage."""


@dataclass(frozen=True)
class ModelPage:
    """The page of a model as one file."""

    text: OriginText  # the model, and its training text if that is known
    with_passage: bool  # whether to put a passage of the test split into the page
    say: Callable[[str], None]  # receives why the page has no bigrams

    def write(self, path: Path) -> tuple[int, bool]:
        """Write the page; return its size in bytes, and whether it has bigrams."""
        bundle = read_bundle(self.text.origin.bundle)
        passage = self._passage() if self.with_passage else None
        bigrams = self._bigrams(bundle)
        num_bytes = write_html(path, bundle, bigrams=bigrams, passage=passage, facts=self._facts(bundle))
        return num_bytes, bigrams is not None

    def _facts(self, bundle: Bundle) -> PageFacts:
        run, model_hash = self.text.origin.run, identity_of(self.text.origin.bundle).split()[-1]
        if run is None:
            return PageFacts.of(bundle, model_hash=model_hash)
        metrics, curve = read_split_metrics(run / METRICS_FILE), read_curve(run / LOG_FILE)
        return PageFacts.of(bundle, metrics=metrics, curve=curve, model_hash=model_hash)

    def _bigrams(self, bundle: Bundle) -> BigramTable | None:
        if self.text.source is None:
            self.say("The training text is not known; the page has no bigrams. Name it as TEXT to have them.")
            return None
        try:
            ids = self.text.load("train", bundle.tokenizer).ids
        except TextError as error:
            if self.text.named is not None:
                raise
            self.say(f"The page has no bigrams: {error}")
            return None
        return BigramTable.of_words(ids, bundle.tokenizer)

    def _passage(self) -> str:
        if self.text.source is None:
            raise TextError(
                f"`--passage` needs a text, but `{self.text.origin.bundle}` is a bundle, and does not hold its text; "
                "name the text as TEXT"
            )
        return held_out_passage(self.text)


def held_out_passage(text: OriginText) -> str:
    """Return a page of text from the beginning of the test split."""
    return passage_of(islice(text.lines("test"), MAX_CHARACTERS))


def passage_of(lines: Iterable[str], *, max_characters: int = MAX_CHARACTERS) -> str:
    r"""Return the beginning of a text up to a line end, at most so long if it has shorter lines.

    It ends after a whole paragraph if one ends in its second half.

    Example:
        >>> passage_of(["", "It is", "a truth.", "", "However,", "little known"], max_characters=25)
        'It is\na truth.'
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
