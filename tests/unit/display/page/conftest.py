import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from nextword.bundle.bundle import Bundle
from nextword.bundle.store import find_model, read_bundle
from nextword.display.page import __file__ as room
from nextword.display.page.packed_model import pack_model
from support.browser import checked_page, headless_chromium, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SITE = Path(room).parent / "site"


@dataclass
class Scripts:
    """The modules of the page, in a browser."""

    page: "Page"

    def run(self, function: str, argument: Any = None, **models: bytes) -> Any:
        """Return what `async (argument, models, js) => ...` returns; `js.engine` is the module `engine.js`."""
        encoded = {name: base64.b64encode(packed).decode("ascii") for name, packed in models.items()}
        return self.page.evaluate(
            f"([argument, models]) => globalThis.run({function}, argument, models)", [argument, encoded]
        )


_RUN = """() => {
globalThis.run = async (body, argument, encoded) => {
  const names = ["arithmetic", "engine", "example", "game", "http_model", "left_out", "local_model", "numbers",
    "packed_model", "random", "reading", "sampling", "tokenizer", "unknown_word"];
  const js = {};
  for (const name of names) {
    js[name] = await import(`/js/${name}.js`);
  }
  const models = {};
  for (const [name, text] of Object.entries(encoded)) {
    models[name] = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  }
  js.open = (bytes) => {
    const packed = js.packed_model.unpackModel(bytes);
    return new js.engine.Engine(packed, new js.tokenizer.Tokenizer(packed.tokenizer));
  };
  return body(argument, models, js);
};
}"""


@pytest.fixture(scope="module")  # while Playwright runs, no other test could start an event loop
def browser() -> Iterator["Browser"]:
    """A headless Chromium."""
    with headless_chromium() as started:
        yield started


@pytest.fixture
def scripts(browser: "Browser") -> Iterator[Scripts]:
    """The modules of the page, from a server of this machine."""
    with served(SITE) as address, checked_page(browser) as page:
        page.goto(f"{address}/js/engine.js")
        page.evaluate(_RUN)
        yield Scripts(page)


@pytest.fixture(scope="session")
def austen() -> Bundle:
    """The sample model."""
    return read_bundle(find_model("austen"))


@pytest.fixture(scope="session")
def packed_austen(austen: Bundle) -> bytes:
    """The sample model for the page."""
    return pack_model(austen)
