"""The sample model live in a page of the documentation, without a network."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from documentation.live import VIEWS
from support.browser import checked_page, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.slow

_REPOSITORY = Path(__file__).resolve().parents[2]
_DOCS = _REPOSITORY / "docs"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a site of one page with all views, built as the documentation is."""
    commands = pytest.importorskip("mkdocs.commands.build", reason="mkdocs is not installed")
    from mkdocs.config import load_config

    folder = tmp_path_factory.mktemp("site")
    for name in ("images/live", "javascripts", "stylesheets"):
        shutil.copytree(_DOCS / name, folder / "docs" / name)
    lines = [f"<!-- live: {name} -->\n" for name in VIEWS]
    (folder / "docs" / "index.md").write_text("\n".join(["# Live\n", *lines]), encoding="utf-8")
    built: dict[str, Any] = {
        "docs_dir": str(folder / "docs"),
        "site_dir": str(folder / "site"),
        "nav": [{"Live": "index.md"}],
        "plugins": [],
    }
    commands.build(load_config(str(_REPOSITORY / "mkdocs.yml"), **built))
    with served(folder / "site") as address:
        yield f"{address}/index.html"


def test_nothing_is_loaded_before_a_click_then_the_model_suggests(chromium: "Browser", site: str) -> None:
    with checked_page(chromium) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(site)
        assert not [address for address in asked if "/demo/" in address]
        page.get_by_role("button", name="Type with the model").click()
        frame = page.frame_locator("iframe[title='Type with the model']")
        frame.get_by_role("option").filter(has_text="obliged").wait_for()
        page.keyboard.type("gl")
        frame.get_by_role("option", name="glad, ").wait_for()
        page.keyboard.press("Tab")
        assert frame.get_by_label("Your text", exact=True).input_value() == "I am very much glad "


def test_each_view_runs_in_its_frame_in_the_scheme_of_the_site(chromium: "Browser", site: str) -> None:
    with checked_page(chromium) as page:
        page.emulate_media(color_scheme="dark")
        page.set_viewport_size({"width": 390, "height": 844})
        page.goto(site)
        drawn = {"type": ".suggestion", "read": ".game", "write": ".bar-row", "inside": ".is-shaded"}
        for view in VIEWS.values():
            page.get_by_role("button", name=view.task).click()
            frame = page.frame_locator(f"iframe[title='{view.task}']")
            frame.locator(drawn[view.tab]).first.wait_for(state="attached")
            assert not frame.get_by_role("tablist").is_visible()
            assert frame.locator("html").evaluate("(html) => getComputedStyle(html).colorScheme") == "dark"
            assert frame.locator("html").evaluate("(html) => html.scrollWidth <= html.clientWidth")
        assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_without_javascript_the_picture_and_a_link_stay(chromium: "Browser", site: str) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site)
    figure = page.locator("figure.live").first
    assert figure.locator("button").count() == 0
    assert figure.locator("img").first.is_visible()
    figure.get_by_role("link").click()
    assert "/demo/austen.html?text=" in page.url
    context.close()
