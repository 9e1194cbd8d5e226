"""Take the screenshots of the page for the README and the documentation.

`make screenshots` runs it: it serves the sample model, opens the page in headless Chromium, uses each tab, and writes
`docs/images/page-*.png`.
"""

import argparse
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from nextword.bundle.samples import sample_model_path
from support.browser import headless_chromium
from support.page_visit import wait_for
from support.started_service import started_service

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "images"
_NUM_COLORS = 128
_SCALE = 1.5
_SENTENCE = "I have not the smallest doubt of her being very much in love with you."


def _type(page: "Page") -> None:
    page.get_by_label("Your text", exact=True).focus()
    for typed in ("My friend Kowalczyk is ver", "gl", "t"):
        page.keyboard.type(typed)
        page.wait_for_selector(".suggestions:not([hidden])")
        page.keyboard.press("Tab")
    page.wait_for_selector(".suggestions:not([hidden])")
    wait_for(page, "document.querySelector('.versus').textContent.includes('sees “to”')")


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


def _write(page: "Page") -> None:
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
    Picture("page-write", "write", _write, height=1000),
    Picture("page-inside", "inside", _inside, height=1260),
    Picture("page-inside-dark", "inside", _inside, height=1260, scheme="dark"),
    Picture("page-model", "model", _nothing),
    Picture("page-phone", "type", _type, width=390, height=844, scheme="dark"),
)


def take(browser: "Browser", address: str, picture: Picture) -> bytes:
    """Return a picture as PNG with few colours."""
    with _opened(browser, f"{address}#{picture.tab}", picture) as page:
        picture.use(page)
        page.mouse.move(0, 0)
        taken = page.locator(picture.clip).screenshot() if picture.clip else page.screenshot()
    image = Image.open(io.BytesIO(taken)).convert("RGB")
    compressed = io.BytesIO()
    image.quantize(_NUM_COLORS, dither=Image.Dither.NONE).save(compressed, "PNG", optimize=True)
    return compressed.getvalue()


@contextmanager
def _opened(browser: "Browser", address: str, picture: Picture) -> Iterator["Page"]:
    options: dict[str, Any] = {
        "viewport": {"width": picture.width, "height": picture.height},
        "color_scheme": picture.scheme,
        "reduced_motion": "reduce",
        "device_scale_factor": _SCALE,
    }
    context = browser.new_context(**options)
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("[role=tablist]")
    yield page
    context.close()


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where to write them")
    folder: Path = parser.parse_args().folder
    with headless_chromium() as browser, started_service(sample_model_path("austen")) as address:
        for picture in PICTURES:
            content = take(browser, address, picture)
            (folder / f"{picture.name}.png").write_bytes(content)
            print(f"{picture.name}.png: {len(content) / 1000:,.0f} kB")


if __name__ == "__main__":
    main()
