"""The tab Read: words colored by surprisal, two sentences compared, and the game."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from nextword.api.trained_model import TrainedModel
from support.page_visit import visit, wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_TEXT = "She was very much \N{GRINNING FACE} obliged to Kowalczyk."


@pytest.fixture
def page(chromium: "Browser", page_address: str) -> Iterator["Page"]:
    with visit(chromium, page_address, "read") as page:
        yield page


def _read(page: "Page", text: str) -> None:
    page.get_by_label("Your text", exact=True).fill(text)
    page.wait_for_selector(".token")


def test_the_words_are_those_of_the_text_even_after_an_emoji(page: "Page") -> None:
    _read(page, _TEXT)
    words = page.locator("#panel-read .scored").first.locator(".token").all_text_contents()
    assert [word.strip() for word in words[:5]] == ["She", "was", "very", "much", "\N{GRINNING FACE}"]
    assert "Kowalczyk" in words


def test_bits_per_character_are_shown_if_words_are_spelled(page: "Page", austen: TrainedModel) -> None:
    figures, meaning = page.locator("#panel-read .figures").first, page.locator("#panel-read p.hint.answer").first
    _read(page, "She was very happy.")
    assert "Perplexity" in (figures.text_content() or "")
    assert "equally likely words" in (meaning.text_content() or "")
    _read(page, "She zyxed him very much.")
    wait_for(page, "document.querySelector('#panel-read p.hint.answer').textContent.includes('1 word')")
    spelled = -austen.score("She zyxed him very much.").log_prob / math.log(2) / 25
    assert float(figures.locator("dd").first.text_content() or "") == pytest.approx(spelled, rel=0.02)
    assert "Perplexity" not in (figures.text_content() or "")
    assert "equally likely" not in (meaning.text_content() or "")


def test_surprising_words_differ_by_color_and_by_underline(page: "Page") -> None:
    _read(page, "I am very much table")
    styles = page.evaluate(
        """[...document.querySelectorAll('.token')].map((token) => {
            const { backgroundColor, boxShadow } = getComputedStyle(token);
            return [token.textContent, backgroundColor, boxShadow];
        })"""
    )
    much, table = (next(style for style in styles if style[0] == word) for word in ("much", "table"))
    assert much[1] != table[1]
    assert much[2] != table[2]


def test_arrow_keys_a_pointer_and_a_tap_show_the_details_of_a_word(page: "Page") -> None:
    _read(page, "I am very much obliged")
    page.locator(".token").first.focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    details = page.locator(".details")
    assert details.locator("h2").text_content() == "obliged"
    assert "its first choice" in (details.text_content() or "")
    assert details.locator(".is-actual .bar-word").text_content() == "obliged"
    assert page.evaluate("document.querySelectorAll('.token[tabindex=\"0\"]').length") == 1
    page.locator(".token").nth(2).hover()
    assert page.locator(".details h2").text_content() == "very"
    page.locator(".token").nth(1).click()
    assert page.locator(".details h2").text_content() == "am"


def test_arrow_keys_follow_the_direction_of_the_text(page: "Page") -> None:
    _read(page, "שלום לך עולם")
    words = page.locator(".token")
    words.first.focus()
    page.keyboard.press("ArrowLeft")
    second = words.nth(1).text_content()
    assert page.evaluate("document.activeElement.textContent") == second
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.textContent") == words.first.text_content()


def test_two_sentences_are_compared(page: "Page", austen: TrainedModel) -> None:
    sentences = "She was very happy.", "She was happy very."
    for label, sentence in zip(("First sentence", "Second sentence"), sentences, strict=True):
        page.get_by_label(label, exact=True).fill(sentence)
    wait_for(page, "document.querySelector('.verdict').textContent.includes('first sentence')")
    first, second = (austen.score(sentence).log_prob for sentence in sentences)
    ratio = (page.locator(".verdict").text_content() or "").split("sentence ")[1].split(" times")[0]
    assert float(ratio.replace(",", "")) == pytest.approx(math.exp(first - second), rel=0.05)


def test_who_passes_every_word_ends_in_a_draw(page: "Page") -> None:
    page.get_by_role("button", name="Play with a held-out passage").press("Enter")
    for number in range(1, 11):
        page.get_by_text(f"Word {number} of 10").wait_for()
        page.get_by_role("button", name="Pass", exact=True).press("Enter")
        if number < 10:
            page.keyboard.press("Enter")  # the focus is on "Next word"
    assert "A draw" in (page.locator(".game .verdict").text_content() or "")


def test_a_right_guess_counts_as_the_share_that_was_bet(page: "Page") -> None:
    page.get_by_role("button", name="Play with a held-out passage").click()
    page.get_by_role("button", name="Pass", exact=True).click()
    word = page.locator(".game .passage strong").text_content() or ""
    page.get_by_role("button", name="Stop playing").click()
    page.get_by_role("button", name="Play with a held-out passage").click()
    page.get_by_label("90%").check()
    page.get_by_label("The next word").fill(word.upper())
    page.keyboard.press("Enter")
    page.get_by_text("Right!", exact=True).wait_for()
    assert page.locator(".game .figures dd").first.text_content() == "1.1"  # 1 / 0.9


def test_a_text_that_is_too_short_for_the_game_is_refused_in_words(page: "Page") -> None:
    page.get_by_text("Or play with a text of yours").click()
    page.get_by_label("Text to guess").fill("too short")
    page.get_by_role("button", name="Play with this text").click()
    assert "at least 12 words" in (page.get_by_role("alert").text_content() or "")


def test_a_guess_that_is_sent_twice_counts_once(page: "Page") -> None:
    page.get_by_role("button", name="Play with a held-out passage").click()
    page.get_by_label("The next word").fill("zzz")
    page.evaluate("for (let time = 0; time < 2; time++) document.querySelector('form.guess').requestSubmit()")
    wait_for(page, "document.querySelector('.game .outcome') !== null")
    page.evaluate("new Promise((done) => setTimeout(done, 300))")  # the page has read both
    assert page.locator(".game .progress").text_content() == "Word 1 of 10"


def test_an_unknown_word_has_no_rank_and_is_no_first_choice(page: "Page") -> None:
    _read(page, "My friend Kowalczyk")
    page.locator(".token", has_text="Kowalczyk").click()
    details = page.locator(".details").text_content() or ""
    assert "not in the vocabulary" in details
    assert "Rank" not in details
    assert page.locator(".token.is-unknown.s7").count() == 1
    assert "not in the vocabulary" in (page.locator(".token.is-unknown").get_attribute("aria-label") or "")
    assert "Italics: not in the vocabulary." in (page.locator(".legend").text_content() or "")
    assert page.get_by_text("Not in the vocabulary: 1 word.").is_visible()
