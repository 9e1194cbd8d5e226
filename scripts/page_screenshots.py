"""Take the pictures of the live views of the documentation, and of the README.

`make screenshots` runs it: it opens each view of `documentation/live.py` in headless Chromium, as large as its frame,
and writes `docs/images/live/*.webp`.
"""

import argparse
import io
import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from documentation.live import MODEL_FILE, SCHEMES, STILLS, VIEWS, WIDTH, LiveView
from live_model import model_page
from support.browser import headless_chromium
from support.page_visit import wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FOLDER = Path(__file__).resolve().parent.parent / "docs" / STILLS
_NUM_COLORS = 128
_SCALE = 1.5
_SETTLE = 1000
"""Milliseconds after which nothing in a view moves any more."""

_TYPED = "I am very much obliged to you for your kindness , and I am sure you will be very happy"


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
        page.keyboard.press("Tab" if _first_suggestion(page) == word else "Space")
    _first_suggestion(page)


def _first_suggestion(page: "Page") -> str:
    """Return the first suggestion for the text as it is; empty at its beginning."""
    page.wait_for_timeout(_SETTLE / 5)
    wait_for(page, "!document.querySelector('.card.is-waiting')")
    first = page.locator(".suggestions:not([hidden]) .suggestion-word").first
    return first.text_content() or "" if first.count() else ""


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
    page.get_by_label("Seed").fill("7")
    page.get_by_role("button", name="Write").click()
    page.wait_for_selector(".written[aria-busy=false]")


def _look(page: "Page") -> None:
    page.wait_for_selector(".is-shaded", state="attached")


_USES = {"type": _type, "read": _play, "write": _let_write, "inside": _look}
"""What is done in a tab before its picture is taken."""


def take(browser: "Browser", root: str, view: LiveView, scheme: str) -> bytes:
    """Return a picture of a view as WebP.

    Args:
        browser: The browser.
        root: Where the site is.
        view: The view.
        scheme: `light` or `dark`.
    """
    with _opened(browser, f"{root}/{view.address.replace('#', '&bare#')}", view, scheme) as page:
        _USES[view.tab](page)
        page.wait_for_timeout(_SETTLE)
        taken = page.screenshot()
    image = Image.open(io.BytesIO(taken)).convert("RGB").quantize(_NUM_COLORS, dither=Image.Dither.NONE)
    compressed = io.BytesIO()
    image.save(compressed, "WEBP", lossless=True, quality=100)
    return compressed.getvalue()


@contextmanager
def _opened(browser: "Browser", address: str, view: LiveView, scheme: str) -> Iterator["Page"]:
    context = browser.new_context(
        viewport={"width": WIDTH, "height": view.height},
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
        device_scale_factor=_SCALE,
    )
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("[role=tabpanel]:not([hidden])")
    yield page
    context.close()


def main() -> None:
    """Take the pictures of all views in both schemes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where to write them")
    folder: Path = parser.parse_args().folder
    folder.mkdir(exist_ok=True)
    with headless_chromium() as browser, tempfile.TemporaryDirectory() as root:
        model = Path(root) / MODEL_FILE
        model.parent.mkdir()
        model.write_bytes(model_page())
        for (name, view), scheme in itertools.product(VIEWS.items(), SCHEMES):
            content = take(browser, Path(root).as_uri(), view, scheme)
            (folder / f"{name}-{scheme}.webp").write_bytes(content)
            print(f"{name}-{scheme}.webp: {len(content) / 1000:,.0f} kB")


if __name__ == "__main__":
    main()
