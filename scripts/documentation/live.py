"""The sample model live in pages of the documentation.

A line `<!-- live: NAME -->` in a page becomes a picture with a link to the model; a script adds a button that runs the
model in place of the picture. `make screenshots` takes the pictures from what the button opens.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from urllib.parse import quote, urlencode

MODEL_FILE = "demo/austen.html"
STILLS = "images/live"
SCHEMES = ("light", "dark")

SPEECH_UNIT = 175
"""The unit of the sample model's first layer that follows direct speech; all pictures of a unit show it."""

_COMMENT = re.compile(r"<!--\s*live:\s*([\w-]+)\s*-->")


@dataclass(frozen=True)
class LiveView:
    """A view of the page with the model inside.

    Attributes:
        tab: Its tab.
        task: What to do there, on the button.
        shows: What the picture shows, for readers who cannot see it.
        height: The height of its picture, which is `WIDTH` pixels wide; the frame begins with the same.
        text: The text that it begins with.
        unit: The unit that is drawn.
        part: The part of the tab that is left, such as `words`.
    """

    tab: str
    task: str
    shows: str
    height: int
    text: str = ""
    unit: int | None = None
    part: str = ""

    @property
    def address(self) -> str:
        """The address of the view, from the root of the site."""
        asked = {"text": self.text, "unit": self.unit, "show": self.part}
        query = urlencode({name: value for name, value in asked.items() if value not in ("", None)}, quote_via=quote)
        return f"{MODEL_FILE}{'?' * bool(query)}{query}#{self.tab}"


WIDTH = 690
"""Pixels of the text of a page on a wide screen."""

VIEWS = {
    "type": LiveView(
        "type",
        "Type with the model",
        "A sentence typed with suggestions: the list under the cursor, what the model expects next, "
        "and the keystrokes saved",
        544,
        text="I am very much ",
    ),
    "unit": LiveView(
        "inside",
        "Look into the cell",
        f"The gates and the cell of unit {SPEECH_UNIT}, word by word: the cell is above zero from the opening "
        "quotation mark to the closing one, and below zero after it",
        760,
        text='"I am very happy," said',
        unit=SPEECH_UNIT,
        part="unit",
    ),
    "game": LiveView(
        "read",
        "Beat the model",
        "The game “Beat the model” after a guess: the probability that player and model gave the word, and what the "
        "model expected",
        560,
        part="game",
    ),
    "write": LiveView(
        "write",
        "Let the model write",
        "A prompt and the text that the model wrote after it, the dials for temperature and top-p, and the words that "
        "may come next",
        700,
        text="The carriage drew up before the house, and",
    ),
    "words": LiveView(
        "inside",
        "See which words count",
        "The words “Miss Bingley, when she had done writing,” shaded by their influence on the prediction “was”: "
        "the last comma counts most, then “done”",
        521,
        text="Miss Bingley, when she had done writing,",
        part="words",
    ),
    "far-words": LiveView(
        "inside",
        "See how far back it looks",
        "The words of a sentence shaded by their influence on the prediction “you”: “much obliged to” counts, and "
        "almost nothing before it",
        558,
        text='"You are too good," said Elizabeth, "and I am much obliged to',
        part="words",
    ),
}


def with_figures(content: str, relative: Callable[[str], str]) -> str:
    """Return the HTML of a page with a figure in place of each comment.

    Args:
        content: The HTML.
        relative: Turns an address from the root of the site into one from the page.

    Raises:
        KeyError: A comment names no view.
    """
    return _COMMENT.sub(lambda found: _figure(found[1], VIEWS[found[1]], relative), content)


def _figure(name: str, view: LiveView, relative: Callable[[str], str]) -> str:
    shape = f'alt="{escape(view.shows)}" width="{WIDTH}" height="{view.height}" loading="lazy"'
    stills = "".join(
        f'<img src="{relative(f"{STILLS}/{name}-{scheme}.webp")}#only-{scheme}" {shape}>' for scheme in SCHEMES
    )
    link = (
        f'<a href="{escape(relative(view.address))}" data-task="{escape(view.task)}">open it on a page of its own</a>'
    )
    return (
        f'<figure class="live"><div class="live-stage">{stills}</div><figcaption>The sample model, 4 MB, in your '
        f"browser: what you type stays there. Or {link}.</figcaption></figure>"
    )
