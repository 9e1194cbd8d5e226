"""Draw the animated picture of the README from real suggestions and real cells of the sample model.

    PYTHONPATH=benchmarks python scripts/readme_animation.py            # writes docs/images/readme.svg
    PYTHONPATH=benchmarks python scripts/readme_animation.py --check    # exit with 1 if the file differs

First a typist accepts each suggestion that is right; then one unit follows a sentence with direct speech. It is an SVG
with CSS animations, so it has no script, follows the color scheme, and stands still for readers who prefer less motion.
"""

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import nextword
from documentation.live import SPEECH_UNIT
from harness.picture_text import number, text_width
from nextword.display.chart import style_sheet
from nextword.display.tokens import SANS
from nextword.errors import counted
from nextword.system.files import write_file
from pictures.lstm_steps import LSTMSteps

FILE = Path(__file__).resolve().parent.parent / "docs" / "images" / "readme.svg"

SENTENCE = "I am very much obliged to you for your kindness"
_SPOKEN = '"I am very happy," said Anne, "to see you here." She went to the window.'
_COUNT = 3
_WIDTH, _HEIGHT, _MARGIN = 800, 300, 28
_SIZE = 21.0
_COLORS = ("paper", "raised", "ground", "pale", "ink", "muted", "line", "edge", "accent", "on-accent", "blue", "orange")
_KEY_SECONDS, _TOKEN_SECONDS, _REST_SECONDS = 0.55, 0.28, 3.0
_RULES = (
    f"text{{font-family:{SANS};fill:var(--ink);font-size:{_SIZE:g}px}}",
    ".card{fill:var(--paper);stroke:var(--line)}.field{fill:var(--raised);stroke:var(--edge)}.on{fill:var(--accent)}",
    ".bar{fill:var(--accent);opacity:.75}.track{fill:var(--ground)}.chosen{fill:var(--pale);stroke:var(--accent)}",
    ".note{fill:var(--muted);font-size:16px}.tab{font-weight:650;font-size:17px}.key{fill:var(--on-accent);font-size:14px}",
    ".quiet{fill:var(--muted)}.in{fill:var(--blue)}.out{fill:var(--orange)}.zero{stroke:var(--edge)}",
    ".f{visibility:hidden;animation-timing-function:step-end;animation-iteration-count:infinite}",
    "@media (prefers-reduced-motion:reduce){.f{animation-name:none!important}.still{visibility:visible}}",
)


@dataclass(frozen=True)
class Moment:
    """A text as far as it is typed.

    Attributes:
        text: The text.
        suggestions: Words with their probabilities, the likeliest first.
        accepted: The index of the suggestion that is accepted next; `None` if a key is typed.
    """

    text: str
    suggestions: Sequence[tuple[str, float]]
    accepted: int | None


def typed(model: nextword.TrainedModel, sentence: str) -> Iterator[Moment]:
    """Yield each moment of a typist who accepts a suggestion as soon as it is right, and types a key otherwise."""
    text = ""
    while text != sentence:
        session = model.session()
        session.type(text)
        words = [(suggestion.text, suggestion.probability) for suggestion in session.suggestions(_COUNT)]
        before = re.sub(r"\w*$", "", text)
        after = [f"{before}{word} "[: len(sentence)] for word, _ in words]
        right = next((index for index, one in enumerate(after) if sentence.startswith(one)), None)
        yield Moment(text, words, right)
        text = sentence[: len(text) + 1] if right is None else after[right]
    yield Moment(text, (), None)


def cells(model: nextword.TrainedModel, sentence: str) -> list[tuple[str, float]]:
    """Return the tokens of a sentence as they are written, each with the cell of the unit after it."""
    weights, ids = model.weights(), model.tokenizer.encode(sentence)
    inputs = weights["embedding/embeddings"][[model.tokenizer.vocabulary.end_id, *ids]].astype("float64")
    steps = LSTMSteps.run(inputs, *(weights[f"lstm_0/{part}"] for part in ("kernel", "recurrent_kernel", "bias")))
    tokens = re.findall(r"\w+|[^\w\s]", sentence)
    return list(zip(tokens, steps.c[1:, SPEECH_UNIT].tolist(), strict=True))


class Film:
    """Frames of a picture, each visible from one second to another."""

    def __init__(self) -> None:
        self._frames: list[tuple[float, float | None, str, str]] = []
        self.seconds = 0.0

    def show(self, markup: str, begin: float, end: float | None = None, *, kind: str = "f") -> None:
        """Add a frame; without an end it stays until the film begins again."""
        self._frames.append((begin, end, markup, kind))

    def to_svg(self, title: str, description: str) -> str:
        """Return the film as the content of a file."""
        rules, parts = list(_RULES), []
        for index, (begin, end, markup, kind) in enumerate(self._frames):
            a, b = (f"{100 * (second or self.seconds) / self.seconds:.2f}%" for second in (begin, end))
            first = "visible" if begin == 0 else "hidden"
            shown = "" if begin == 0 else f"{a}{{visibility:visible}}"
            rules.append(f"@keyframes k{index}{{0%{{visibility:{first}}}{shown}{b}{{visibility:hidden}}}}")
            parts.append(
                f'<g class="{kind}" style="animation:k{index} {self.seconds:g}s step-end infinite">{markup}</g>'
            )
        sheet = style_sheet(_COLORS, rules)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" '
            f'viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-labelledby="title desc">\n'
            f'<title id="title">{escape(title)}</title>\n<desc id="desc">{escape(description)}</desc>\n'
            f'<style>\n{sheet}\n</style>\n<rect class="card" x=".5" y=".5" width="{_WIDTH - 1}" height="{_HEIGHT - 1}" '
            f'rx="12"/>\n{"\n".join(parts)}\n</svg>\n'
        )


def text(x: float, baseline: float, content: str, kind: str = "", *, size: float = 0) -> str:
    """Return a line of text; with a size it is as wide as estimated, in any font."""
    width = f' textLength="{number(text_width(content, size))}"' if size and content else ""
    place = f'x="{number(x)}" y="{number(baseline)}"{width} xml:space="preserve"'
    return f'<text class="{kind}" {place}>{escape(content)}</text>'


def rect(x: float, y: float, width: float, height: float, kind: str, radius: float = 3, opacity: float = 1) -> str:
    """Return a rectangle."""
    place = f'x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}" rx="{radius:g}"'
    faded = f' opacity="{number(opacity)}"' if opacity < 1 else ""
    return f'<rect class="{kind}" {place}{faded}/>'


def tabs(active: str) -> str:
    """Return the names of both scenes, one of them marked."""
    parts, x = [], float(_MARGIN)
    for name in ("Type", "Inside"):
        parts.append(text(x, 38, name, "tab on" if name == active else "tab quiet"))
        if name == active:
            parts.append(rect(x, 46, text_width(name, 17, bold=True), 3, "on"))
        x += 84
    return "".join(parts)


def typing(moment: Moment, num_keys: int, *, accepts: bool) -> str:
    """Return the frame of a moment: the field, the suggestions, and the keys so far."""
    inner = _WIDTH - 2 * _MARGIN
    parts = [rect(_MARGIN, 66, inner, 48, "field", 8), text(_MARGIN + 16, 97, moment.text, size=_SIZE)]
    parts.append(rect(_MARGIN + 17 + text_width(moment.text, _SIZE), 77, 2, 26, "on", 0))
    for row, (word, probability) in enumerate(moment.suggestions):
        top, chosen = 130 + 40 * row, accepts and row == moment.accepted
        parts.append(rect(_MARGIN, top, inner, 34, "chosen", 8) if chosen else "")
        parts.append(text(_MARGIN + 16, top + 24, word))
        parts += [rect(220, top + 12, 380, 10, "track"), rect(220, top + 12, max(2, 380 * probability), 10, "bar")]
        parts.append(text(616, top + 23, f"{probability:.1%}", "note"))
        if chosen:
            key = "Tab" if row == 0 else f"Alt+{row + 1}"
            parts += [rect(706, top + 6, 52, 22, "on", 5), text(732 - text_width(key, 14) / 2, top + 22, key, "key")]
    so_far = f"{counted(len(moment.text), 'character')}, {counted(num_keys, 'key')}"
    return "".join([tabs("Type"), *parts, text(_MARGIN, 278, so_far, "note")])


def add_typing(film: Film, model: nextword.TrainedModel) -> None:
    """Add the scene in which a sentence is typed."""
    for num_keys, moment in enumerate(typed(model, SENTENCE)):
        begin = film.seconds
        if not moment.suggestions:
            done = text(_MARGIN, 188, f"{len(SENTENCE) - num_keys} keystrokes saved", "on")
            film.seconds += _REST_SECONDS * 0.6
            film.show(typing(moment, num_keys, accepts=False) + done, begin, film.seconds)
            return
        film.seconds += _KEY_SECONDS
        film.show(typing(moment, num_keys, accepts=False), begin, film.seconds)
        if moment.accepted is not None:
            film.show(typing(moment, num_keys, accepts=True), film.seconds, film.seconds + _KEY_SECONDS)
            film.seconds += _KEY_SECONDS


def add_inside(film: Film, model: nextword.TrainedModel) -> None:
    """Add the scene in which a unit follows a sentence."""
    begin, x, end = film.seconds, float(_MARGIN), 0
    story = "One of its 624 units: above the line within direct speech, below it outside."
    base = tabs("Inside") + text(_MARGIN, 84, story, "note")
    base += f'<path class="zero" d="M{_MARGIN} 205H{_WIDTH - _MARGIN}"/>' + text(
        _MARGIN, 278, "Nobody told it what a quotation mark is.", "note"
    )
    film.show(base, begin, kind="f still")
    tokens = cells(model, _SPOKEN)
    scale = (_WIDTH - 2 * _MARGIN) / text_width(_SPOKEN, _SIZE)
    for token, cell in tokens:
        at = _SPOKEN.index(token, end)
        x += text_width(_SPOKEN[end:at], _SIZE) * scale
        width, end = text_width(token, _SIZE) * scale, at + len(token)
        kind, height = ("in" if cell > 0 else "out"), max(1.0, 24 * abs(cell))
        mark = rect(x - 1, 112, width + 2, 30, kind, 4, opacity=min(0.4, 0.22 * abs(cell)))
        fitted = f'textLength="{number(width)}" lengthAdjust="spacingAndGlyphs"'
        word = f'<text x="{number(x)}" y="134" {fitted}>{escape(token)}</text>'
        film.show(
            mark + word + rect(x, 205 - height * (cell > 0), width, height, kind, 2), film.seconds, kind="f still"
        )
        film.seconds += _TOKEN_SECONDS
        x += width
    film.seconds += _REST_SECONDS


def animation() -> str:
    """Return the whole picture."""
    model, film = nextword.load("austen"), Film()
    add_typing(film, model)
    add_inside(film, model)
    return film.to_svg(
        "nextword suggests words while a sentence is typed, and shows a unit at work",
        f"A typist writes “{SENTENCE}” with few keys, since the right words are suggested. Then one unit of the model "
        "is drawn over a sentence with direct speech: its cell is positive within quotation marks, negative outside.",
    )


def main() -> None:
    """Draw the picture, or check it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 if the file differs")
    asked, drawn = parser.parse_args(), animation().encode()
    if not asked.check:
        write_file(FILE, drawn)
    sys.exit(1 if asked.check and FILE.read_bytes() != drawn else 0)


if __name__ == "__main__":
    main()
