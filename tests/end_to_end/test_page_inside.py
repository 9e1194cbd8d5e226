"""The tab Inside: gates, influence and states, computed in the browser."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pytest

from nextword.api.trained_model import TrainedModel
from nextword.bundle.bundle import Bundle
from nextword.model.architecture import Architecture, CellName
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary
from support.page_visit import visit, wait_for
from support.served import serving
from support.toy_engine import ToyEngine

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_TEXT = "I am very much obliged to you, she said."


@pytest.fixture
def page(chromium: "Browser", page_address: str) -> Iterator["Page"]:
    with visit(chromium, page_address, "inside") as page:
        page.wait_for_selector(".gate-chart .chart-bar")
        page.get_by_label("Your text", exact=True).fill(_TEXT)
        wait_for(page, "document.querySelector('.strip').textContent.startsWith('I am')")
        yield page


def _go_to(page: "Page", place: int) -> None:
    """Move the slider by keyboard."""
    page.get_by_label("After the word").focus()
    page.keyboard.press("Home")
    for _ in range(place):
        page.keyboard.press("ArrowRight")


def test_the_slider_scrubs_through_the_words(page: "Page") -> None:
    _go_to(page, 3)
    assert page.locator(".scrubber output").text_content() == "much"
    assert page.locator(".strip .is-current").text_content() == "much"
    assert page.locator(".chart-word.is-current").text_content() == "much"


def test_a_word_without_an_end_stays_inside_the_page(page: "Page") -> None:
    page.get_by_label("Your text", exact=True).fill("x" * 3000)
    wait_for(page, "document.querySelector('.scrubber output').textContent.startsWith('xxx')")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_prediction_is_that_of_the_python_engine(page: "Page", austen: TrainedModel) -> None:
    _go_to(page, 3)
    rows = page.get_by_label("Next words predicted here").locator(".bar-word").all_text_contents()
    assert rows == [word.text for word in austen.suggest("I am very much", 5)]


def test_the_gates_make_up_the_value_of_the_cell(page: "Page") -> None:
    _go_to(page, 4)
    sum_text = (page.locator(".sum").first.text_content() or "").replace("\N{MINUS SIGN}", "-")
    forget, before, take, candidate, value = map(float, re.findall(r"-?\d+\.\d+", sum_text))
    assert forget * before + take * candidate == pytest.approx(value, abs=0.03)
    assert 0 <= forget <= 1
    assert 0 <= take <= 1


def test_a_cell_is_chosen_by_number_by_layer_and_from_the_list(page: "Page") -> None:
    page.get_by_label("Cell", exact=True).fill("7")
    page.keyboard.press("Enter")
    assert "Cell 7 of layer 1" in (page.locator(".gate-chart svg").get_attribute("aria-label") or "")
    page.get_by_label("Layer", exact=True).select_option("1")
    assert "of layer 2" in (page.locator(".gate-chart svg").get_attribute("aria-label") or "")
    active = page.get_by_role("radiogroup", name="Cells").get_by_role("radio")
    page.get_by_label("Order").select_option("active")
    active.first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert active.nth(1).get_attribute("aria-checked") == "true"
    cell = active.nth(1).get_attribute("data-cell")
    assert f"Cell {cell} of layer 2" in (page.locator(".gate-chart svg").get_attribute("aria-label") or "")


def test_a_number_outside_the_layer_becomes_its_last_cell(page: "Page") -> None:
    page.get_by_label("Cell", exact=True).fill("100000")
    page.keyboard.press("Enter")
    assert page.get_by_label("Cell", exact=True).input_value() == "415"


def test_left_out_is_the_exact_difference(page: "Page", austen: TrainedModel) -> None:
    _go_to(page, 3)
    page.get_by_label("Left out").check()
    wait_for(page, "document.querySelector('.strip .word').title.endsWith('nats')")
    titles = page.locator(".strip .word.is-shaded").evaluate_all("(words) => words.map((word) => word.title)")
    words = ["I", "am", "very", "much"]
    assert len(titles) == len(words)
    whole = _log_prob(austen, words)
    for place, title in enumerate(titles):
        rest = [*words[:place], *words[place + 1 :]]
        shown = float(title.removesuffix(" nats").replace("\N{MINUS SIGN}", "-"))
        assert shown == pytest.approx(whole - _log_prob(austen, rest), abs=0.1)  # onnxruntime rounds activations


def _log_prob(model: TrainedModel, words: list[str]) -> float:
    """Return the log-probability of "obliged", the model's first choice, after words."""
    return float(model.score(" ".join([*words, "obliged"]), eos=False).log_probs[-1])


@pytest.mark.parametrize(("cell", "gates"), [("gru", ("Update gate", "Reset gate")), ("rnn", ("Candidate",))])
def test_other_cells_show_their_own_gates(chromium: "Browser", cell: CellName, gates: tuple[str, ...]) -> None:
    words = ("<unk>", "<eos>", "it", "is", "so")
    architecture = Architecture(vocabulary_size=5, embedding_size=4, hidden_sizes=(6, 4), cell=cell)
    random = np.random.default_rng(1)
    weights = {name: random.normal(size=shape).astype("f4") for name, shape in architecture.weight_shapes().items()}
    bundle = Bundle(cell, architecture, Tokenizer("pretokenized", "line", Vocabulary(words)), weights, "")
    model = TrainedModel(ToyEngine(5, 1), bundle)
    with serving(model) as served, visit(chromium, f"{served.url}/", "inside") as page:
        page.get_by_label("Your text", exact=True).fill("it is so")
        page.wait_for_selector(".chart-word")
        names = page.locator(".chart-name").all_text_contents()
        assert set(gates) <= set(names)
        assert "Forget gate" not in names
        assert page.locator(".diagram dt").all_text_contents() == names


def test_words_in_similar_states_are_listed(page: "Page") -> None:
    _go_to(page, 3)
    page.wait_for_selector(".nearest li")
    values = [float(value) for value in page.locator(".near-value").all_text_contents()]
    assert len(values) == 6
    assert values == sorted(values, reverse=True)


def test_without_a_text_the_tab_says_what_to_do(page: "Page") -> None:
    page.get_by_label("Your text", exact=True).fill("")
    page.get_by_text("Write some words").wait_for()
    assert page.locator(".gate-chart").is_hidden()


def test_an_example_is_read(page: "Page") -> None:
    page.get_by_label("Your text", exact=True).fill("")
    page.get_by_text("Write some words").wait_for()
    page.get_by_role("button", name="Try an example").click()
    page.wait_for_selector(".chart-word")
    text, read = page.get_by_label("Your text", exact=True).input_value(), page.locator(".strip").text_content() or ""
    assert len(text) > 20
    assert read.replace(" ", "") == text.replace(" ", "")


def test_a_pasted_text_that_is_too_long_is_said_to_be_cut(page: "Page") -> None:
    page.get_by_label("Your text", exact=True).focus()
    page.keyboard.insert_text("She was " * 1000)
    assert page.get_by_text("Only the first 1,000 characters were kept.").is_visible()


def test_the_whole_drawing_of_the_cell_fits_a_phone(page: "Page") -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    cut = """[...document.querySelectorAll('.diagram text, .diagram rect')].filter((each) => {
        const { left, right } = each.getBoundingClientRect();
        const ground = document.querySelector('.diagram').getBoundingClientRect();
        return left < ground.left - 1 || right > ground.right + 1;
    }).map((each) => each.textContent)"""
    wait_for(page, f"{cut}.length === 0")
    assert page.evaluate(
        "document.querySelector('.diagram').scrollWidth <= document.querySelector('.diagram').clientWidth"
    )
