"""The tab Write: streaming, stopping, continuing."""

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from nextword.api.trained_model import TrainedModel
from nextword.engine.engine import State, WindowPrediction
from nextword.text.batching.window import TokenIds
from support.page_visit import PATIENCE, visit, wait_for
from support.served import serving
from support.tiny_bundle import tiny_bundle
from support.toy_engine import ToyEngine
from support.waiting import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture
def page(chromium: "Browser", page_address: str) -> Iterator["Page"]:
    with visit(chromium, page_address, "write") as page:
        page.get_by_label("Prompt").fill("She was")
        page.get_by_label("Seed").fill("1")
        yield page


def _written(page: "Page") -> str:
    return page.locator(".written").text_content() or ""


def _wait_for_end(page: "Page") -> None:
    page.wait_for_selector(".written[aria-busy=false]")


def _set(page: "Page", label: str, value: str) -> None:
    page.get_by_role("slider", name=label).fill(value)


def test_the_text_is_the_one_that_python_writes(page: "Page", austen: TrainedModel) -> None:
    _set(page, "Temperature", "0.9")
    _set(page, "Top-p", "0.9")
    _set(page, "Length", "60")
    page.get_by_role("button", name="Write").press("Enter")
    _wait_for_end(page)
    expected = austen.generate("She was", max_tokens=60, temperature=0.9, top_p=0.9, seed=1)
    assert _written(page) == expected


def test_continue_writes_on_from_where_it_ended(page: "Page") -> None:
    _set(page, "Length", "20")
    page.get_by_role("button", name="Write").press("Enter")
    _wait_for_end(page)
    first = _written(page)
    page.keyboard.press("Enter")  # the focus is on "Continue"
    wait_for(page, f"document.querySelector('.written').textContent.length > {len(first)}")
    _wait_for_end(page)
    assert _written(page).startswith(first)


class _HaltingEngine(ToyEngine):
    """An engine that halts at one of the next steps of generated texts until it may resume.

    Suggestions, for which the page asks meanwhile, are computed in AnyIO's threads and count no steps.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.steps_left = 10**9
        self.may_resume = threading.Event()

    def predict_window(self, inputs: TokenIds, state: State) -> tuple[WindowPrediction, State]:
        if threading.current_thread().name.startswith("AnyIO"):
            return super().predict_window(inputs, state)
        if self.steps_left == 0:
            assert self.may_resume.wait(PATIENCE / 1000)
        self.steps_left -= 1
        return super().predict_window(inputs, state)


def test_stop_ends_the_stream_keeps_the_text_and_frees_the_service(chromium: "Browser") -> None:
    bundle = tiny_bundle()
    engine = _HaltingEngine(bundle.architecture.vocabulary_size, bundle.tokenizer.vocabulary.end_id)
    with serving(TrainedModel(engine, bundle)) as served, visit(chromium, f"{served.url}/", "write") as page:
        page.get_by_role("button", name="Write").click()  # the service tries its engine at the first text
        _wait_for_end(page)
        engine.steps_left = 30
        page.get_by_role("button", name="Write").press("Enter")
        page.wait_for_selector(".fresh:not(:empty)", state="attached")
        page.keyboard.press("Enter")  # the focus is on "Stop"
        _wait_for_end(page)
        text = _written(page)
        assert text
        assert page.get_by_text("Stopped.", exact=True).is_visible()
        engine.may_resume.set()
        wait_until(lambda: served.scheduler.num_running == 0)
        assert _written(page) == text


def test_arrow_keys_move_the_sliders_and_the_preview_follows(page: "Page") -> None:
    page.wait_for_selector("#panel-write .bar-row")
    shares = page.locator("#panel-write .bar-value")
    before = shares.first.text_content()
    page.get_by_role("slider", name="Temperature").focus()
    for _ in range(10):
        page.keyboard.press("ArrowLeft")
    assert page.get_by_role("slider", name="Temperature").get_attribute("aria-valuetext") == "0.30"
    assert shares.first.text_content() != before


def test_an_example_begins_a_text_and_writes_it_on(page: "Page") -> None:
    page.get_by_label("Prompt").fill("")
    _set(page, "Length", "10")
    page.get_by_role("button", name="Try an example").click()
    page.get_by_text("Stopped at the maximum length.", exact=True).wait_for()
    prompt = page.get_by_label("Prompt").input_value()
    assert len(prompt.split()) == 8
    assert _written(page).startswith(prompt)
    assert len(_written(page)) > len(prompt)
