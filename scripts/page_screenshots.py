"""Take the screenshots of the page for the README and the documentation.

`make screenshots` runs it: it serves the sample model, opens the page in headless Chromium, uses each tab, and writes
`docs/images/page-*.png`. The pictures in `docs/images/live` are views of the page as one file, as pages of the
documentation show it live.
"""

import argparse
import io
import itertools
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from documentation.live import MODEL_FILE, SCHEMES, STILLS, VIEWS, WIDTH, LiveView
from live_model import model_page
from nextword.bundle.samples import sample_model_path
from support.browser import headless_chromium
from support.page_visit import wait_for
from support.started_service import started_service

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "images"
_NUM_COLORS = 128
_SCALE = 1.5
_SETTLE = 1000
"""Milliseconds after which nothing in a view moves any more."""

_DRAWN = {"type": ".suggestions:not([hidden])", "read": ".game", "write": ".bar-row", "inside": ".is-shaded"}
"""What is there once a view is drawn."""

_TYPED = "I am very much obliged to you for your kindness , and I am sure you will be very happy"
_SENTENCE = "I have not the smallest doubt of her being very much in love with you."


def _type(page: "Page") -> None:
    """Type a sentence, and accept the first suggestion as soon as it is the word that comes next."""
    field = page.get_by_label("Your text", exact=True)
    field.fill("")
    field.focus()
    for word in _TYPED.split():
        for letter in word:
            if _first_suggestion(page) == word:
                break
            page.keyboard.type(letter)
        if _first_suggestion(page) == word:
            page.keyboard.press("Tab")
        else:
            page.keyboard.type(" ")
    _first_suggestion(page)


def _first_suggestion(page: "Page") -> str:
    """Return the first suggestion for the text as it is; empty at its beginning."""
    page.wait_for_timeout(_SETTLE / 5)
    wait_for(page, "!document.querySelector('.card.is-waiting')")
    first = page.locator(".suggestions:not([hidden]) .suggestion-word").first
    return first.text_content() or "" if first.count() else ""


def _read(page: "Page") -> None:
    page.get_by_label("Your text", exact=True).fill(
        "It was a dark and stormy night. She was very much obliged to him for the fire, and hoped that he would "
        "call again on the morrow with a good deal of news from the village."
    )
    page.wait_for_selector(".token")
    page.locator(".token", has_text="fire").click()
    page.get_by_label("First sentence", exact=True).fill("She was very happy.")
    page.get_by_label("Second sentence", exact=True).fill("She was happy very.")
    page.wait_for_selector(".is-better")


def _play(page: "Page") -> None:
    page.get_by_role("button", name="Play with a held-out passage").click()
    for guess in ("the", "of", "to"):
        page.get_by_label("The next word").fill(guess)
        page.get_by_label("10%").check()
        page.keyboard.press("Enter")
        page.wait_for_selector(".outcome")
        if guess != "to":
            page.get_by_role("button", name="Next word").click()


def _let_write(page: "Page") -> None:
    page.get_by_label("Prompt").fill("The carriage drew up before the house, and")
    page.get_by_label("Seed").fill("7")
    page.get_by_role("button", name="Write").click()
    page.wait_for_selector(".written[aria-busy=false]")
    page.wait_for_selector("ol[aria-label^='The next word'] li")


def _inside(page: "Page") -> None:
    page.wait_for_selector(".chart-bar")
    page.get_by_label("Your text", exact=True).fill(_SENTENCE)
    wait_for(page, "document.querySelector('.strip').textContent.startsWith('I have')")
    page.locator(".strip .word", has_text="being").click()
    page.wait_for_selector(".strip .is-shaded")
    page.wait_for_selector(".nearest li")


def _nothing(page: "Page") -> None:
    page.wait_for_selector(".prose")


@dataclass(frozen=True)
class Picture:
    """A picture of the page.

    Attributes:
        name: Name of the file.
        tab: The tab.
        use: Brings the tab to where it shows most.
        clip: What to show, as a selector; the whole page if left out.
        options: Options of the browser context.
    """

    name: str
    tab: str
    use: Callable[["Page"], None]
    clip: str | None = None
    height: int = 860
    width: int = 1180
    scheme: str = "light"


PICTURES = (
    Picture("page-type", "type", _type),
    Picture("page-read", "read", _read, height=1080),
    Picture("page-game", "read", _play, clip=".game"),
    Picture("page-write", "write", _let_write, height=1000),
    Picture("page-inside", "inside", _inside, height=1260),
    Picture("page-inside-dark", "inside", _inside, height=1260, scheme="dark"),
    Picture("page-model", "model", _nothing),
    Picture("page-phone", "type", _type, width=390, height=844, scheme="dark"),
)


def take(browser: "Browser", address: str, picture: Picture) -> bytes:
    """Return a picture as PNG with few colors."""
    with _opened(browser, f"{address}#{picture.tab}", picture) as page:
        picture.use(page)
        page.mouse.move(0, 0)
        taken = page.locator(picture.clip).screenshot() if picture.clip else page.screenshot()
    return _compressed(taken, "PNG", optimize=True)


_USES = {"type": _type, "write": _let_write}
"""What is done in a live view before its picture is taken."""


def take_still(browser: "Browser", root: str, view: LiveView, scheme: str) -> bytes:
    """Return a view of the page as one file as WebP, as its frame begins."""
    before, mark, after = f"{root}/{view.address}".partition("#")
    address = f"{before}{'&' if '?' in before else '?'}bare{mark}{after}"
    picture = Picture("", view.tab, _nothing, height=view.height, width=WIDTH, scheme=scheme)
    with _opened(browser, address, picture, ready="[role=tabpanel]:not([hidden])") as page:
        page.wait_for_selector(_DRAWN[view.tab], state="attached")
        page.wait_for_timeout(_SETTLE)
        if view.tab in _USES:
            _USES[view.tab](page)
        return _compressed(page.screenshot(), "WEBP", lossless=True, quality=100)


def _compressed(taken: bytes, kind: str, **options: Any) -> bytes:
    """Return a screenshot with few colors."""
    image = Image.open(io.BytesIO(taken)).convert("RGB").quantize(_NUM_COLORS, dither=Image.Dither.NONE)
    compressed = io.BytesIO()
    image.save(compressed, kind, **options)
    return compressed.getvalue()


@contextmanager
def _opened(browser: "Browser", address: str, picture: Picture, ready: str = "[role=tablist]") -> Iterator["Page"]:
    options: dict[str, Any] = {
        "viewport": {"width": picture.width, "height": picture.height},
        "color_scheme": picture.scheme,
        "reduced_motion": "reduce",
        "device_scale_factor": _SCALE,
    }
    context = browser.new_context(**options)
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector(ready)
    yield page
    context.close()


def take_stills(browser: "Browser", folder: Path) -> None:
    """Take the pictures of all live views in both schemes."""
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as root:
        (Path(root) / MODEL_FILE).parent.mkdir()
        (Path(root) / MODEL_FILE).write_bytes(model_page())
        for (name, view), scheme in itertools.product(VIEWS.items(), SCHEMES):
            content = take_still(browser, Path(root).as_uri(), view, scheme)
            _write(folder / f"{name}-{scheme}.webp", content)


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    print(f"{path.name}: {len(content) / 1000:,.0f} kB")


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where to write them")
    parser.add_argument("--live", action="store_true", help="take the pictures of the live views alone")
    asked = parser.parse_args()
    with headless_chromium() as browser:
        take_stills(browser, asked.folder / Path(STILLS).name)
        if asked.live:
            return
        with started_service(sample_model_path("austen")) as address:
            for picture in PICTURES:
                _write(asked.folder / f"{picture.name}.png", take(browser, address, picture))


if __name__ == "__main__":
    main()
