"""The tab Type: suggestions, own words and keystrokes, by keyboard."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from support.page_visit import visit, wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_OPEN = ".suggestions:not([hidden])"


@pytest.fixture
def page(chromium: "Browser", page_address: str) -> Iterator["Page"]:
    with visit(chromium, page_address, "type") as page:
        page.get_by_label("Your text", exact=True).focus()
        yield page


def _type(page: "Page", text: str) -> None:
    """Type, and wait for the suggestions of the whole text."""
    page.keyboard.type(text)
    page.wait_for_selector(_OPEN)


def _text(page: "Page") -> str:
    return page.get_by_label("Your text", exact=True).input_value()


def _suggested(page: "Page") -> list[str]:
    page.wait_for_selector(_OPEN)
    return page.locator(".suggestion-word").all_text_contents()


def test_tab_takes_the_first_suggestion_and_its_space(page: "Page") -> None:
    _type(page, "I am very much ob")
    assert _suggested(page)[0] == "obliged"
    assert page.locator(".ghost").text_content() == "liged"
    page.keyboard.press("Tab")
    assert _text(page) == "I am very much obliged "
    saved = page.locator(".figure")  # by the rule of the evaluation
    assert saved.text_content() == f"{round(100 * (1 - 18 / 23))}%"  # 17 characters and a key, for 23 characters
    assert "18 keys for 23 characters" in (page.locator(".figure + .hint").text_content() or "")


def test_a_mark_replaces_the_space_of_a_taken_word(page: "Page") -> None:
    _type(page, "I am very much ob")
    page.keyboard.press("Tab")
    page.keyboard.type(",")
    assert _text(page) == "I am very much obliged,"
    assert "19 keys for 23 characters" in (page.locator(".figure + .hint").text_content() or "")
    page.keyboard.type(" .")
    assert _text(page) == "I am very much obliged, ."


def test_digits_are_typed_even_while_suggestions_are_shown(page: "Page") -> None:
    page.keyboard.type("He was born in the ")
    for digit in "1812":
        _suggested(page)
        page.keyboard.type(digit)
    assert _text(page) == "He was born in the 1812"


def test_the_key_of_a_digit_counts_whatever_the_keyboard_makes_of_it(page: "Page") -> None:
    """On a Mac, Option and a digit type a special character."""
    _type(page, "I am very much ")
    second = _suggested(page)[1]
    for text in ("I am very much ", f"I am very much {second} "):
        assert _text(page) == text
        key = "{ code: 'Digit2', key: '\u2122', altKey: true, bubbles: true, cancelable: true }"
        taken = page.evaluate(f"!document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key}))")
        assert taken  # the second time, the suggestions are still on their way


def test_alt_and_digits_and_arrow_keys_take_the_others(page: "Page") -> None:
    _type(page, "I am very much ")
    second = _suggested(page)[1]
    page.keyboard.press("Alt+2")
    assert _text(page) == f"I am very much {second} "
    third = _suggested(page)[2]
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    assert third.strip() in _text(page).removeprefix(f"I am very much {second}")


def test_the_arrow_keys_tell_a_screen_reader_what_is_chosen(page: "Page") -> None:
    _type(page, "I am very much ")
    page.keyboard.press("ArrowDown")
    field = page.get_by_label("Your text", exact=True)
    chosen = page.locator(f"#{field.get_attribute('aria-activedescendant')}")
    assert chosen.get_attribute("aria-selected") == "true"
    assert (chosen.get_attribute("aria-label") or "").startswith(_suggested(page)[0])


def test_after_escape_tab_leaves_the_field(page: "Page") -> None:
    _type(page, "I am very much ")
    page.keyboard.press("Escape")
    page.wait_for_selector(_OPEN, state="detached" if not page.locator(".suggestions").count() else "hidden")
    page.keyboard.type("1")
    assert _text(page) == "I am very much 1"
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "BUTTON"
    assert _text(page) == "I am very much 1"


def test_tab_passes_a_field_in_which_nothing_was_typed(page: "Page") -> None:
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent").startswith("Save new words")


def test_another_text_in_place_of_the_whole_is_counted_afresh(page: "Page") -> None:
    page.keyboard.insert_text("It is a truth. " * 100)
    page.keyboard.press("Control+a")
    page.keyboard.insert_text("I am very")
    note = page.locator(".figure + .hint")
    wait_for(page, "document.querySelector('.figure + .hint').textContent.includes('for 9 characters')")
    assert "9 keys for 9 characters" in (note.text_content() or "")


def test_a_suggestion_can_be_undone(page: "Page") -> None:
    _type(page, "I am very much ob")
    page.keyboard.press("Tab")
    page.keyboard.press("Control+z")
    assert _text(page) == "I am very much ob"


def test_suggestions_close_when_the_caret_leaves_their_place(page: "Page") -> None:
    _type(page, "I am very much ob")
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector(_OPEN, state="hidden")
    page.keyboard.press("Tab")
    assert _text(page) == "I am very much ob"


def test_the_last_word_is_saved_without_a_space_after_it(page: "Page") -> None:
    page.keyboard.type("My name is Kowalczyk")
    page.get_by_role("button", name="Save new words and start over").press("Enter")
    wait_for(page, "document.querySelector('textarea').value === ''")
    page.get_by_role("button", name="Forget Kowalczyk").wait_for()


def test_own_words_are_learned_kept_and_forgotten(page: "Page") -> None:
    _type(page, "My name is Kowalczyk ")
    page.get_by_role("button", name="Forget Kowalczyk").wait_for()
    page.get_by_role("button", name="Save new words and start over").press("Enter")
    wait_for(page, "document.querySelector('textarea').value === ''")
    _type(page, "His name is Kow")
    assert _suggested(page)[0] == "Kowalczyk"
    page.reload()
    page.get_by_label("Your text", exact=True).focus()
    _type(page, "Kow")
    assert _suggested(page)[0] == "Kowalczyk"
    page.get_by_role("button", name="Forget Kowalczyk").press("Enter")
    page.get_by_role("button", name="Forget Kowalczyk").wait_for(state="detached")
    page.get_by_label("Your text", exact=True).focus()
    page.keyboard.press("End")
    page.keyboard.type("a")
    wait_for(page, "!document.querySelector('.suggestions').textContent.includes('Kowalczyk')")


def test_the_focus_stays_in_the_list_of_words(page: "Page") -> None:
    _type(page, "Kowalczyk Zylberg Tolu ")
    page.get_by_role("button", name="Forget Zylberg").press("Enter")
    page.get_by_role("button", name="Forget Zylberg").wait_for(state="detached")
    page.wait_for_timeout(300)  # the answer to the change is shown
    assert (page.evaluate("document.activeElement.title") or "").startswith("Forget")


def test_two_tabs_keep_the_words_of_both(page: "Page") -> None:
    other = page.context.new_page()
    other.goto(page.url)
    for tab, name in ((page, "Kowalczyk"), (other, "Zylberg"), (page, "Tolu")):
        tab.bring_to_front()
        tab.get_by_label("Your text", exact=True).fill(f"My name is {name} ")
        tab.get_by_role("button", name=f"Forget {name}").wait_for()
        tab.get_by_role("button", name="Save new words and start over").press("Enter")
        wait_for(tab, "document.querySelector('textarea').value === ''")
    page.reload()
    for name in ("Kowalczyk", "Zylberg", "Tolu"):
        page.get_by_role("button", name=f"Forget {name}").wait_for()


def test_a_forgotten_suggestion_is_not_shown_until_it_is_allowed(page: "Page") -> None:
    _type(page, "I am very much ")
    first, second, *_ = _suggested(page)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Delete")
    page.get_by_role("button", name=f"Allow {first}").wait_for()
    wait_for(page, f"document.querySelector('.suggestion-word')?.textContent === '{second}'")
    page.locator(".suggestion-forget").first.click()
    page.get_by_role("button", name=f"Allow {second}").wait_for()
    page.reload()
    page.get_by_label("Your text", exact=True).focus()
    _type(page, "I am very much ")
    assert not {first, second} & set(_suggested(page))
    page.get_by_role("button", name=f"Allow {first}").press("Enter")
    page.get_by_role("button", name=f"Allow {first}").wait_for(state="detached")
    page.get_by_label("Your text", exact=True).focus()
    page.keyboard.press("End")
    page.keyboard.type(first[:1])
    wait_for(page, f"document.querySelector('.suggestions').textContent.includes('{first}')")


def test_while_a_word_is_typed_the_panel_and_the_list_agree(page: "Page") -> None:
    _type(page, "Elizabeth had been at the ser")
    wait_for(page, "document.querySelector('.next-head + *').parentElement.textContent.includes('begin with “ser”')")
    mine = page.get_by_label("Next words by the model").locator(".bar-word").all_text_contents()
    assert mine == _suggested(page)
    assert all(word.startswith("ser") for word in mine)
    assert page.get_by_role("heading", name="The word you are typing").is_visible()


def test_the_list_stays_inside_the_field(page: "Page") -> None:
    page.set_viewport_size({"width": 360, "height": 640})
    _type(
        page, "It is a truth universally acknowledged, that a single man in possession of a good fortune must be in w"
    )
    field, words = (page.locator(name).bounding_box() for name in (".ghost-field", ".suggestions"))
    assert field is not None
    assert words is not None
    assert field["x"] <= words["x"]
    assert words["x"] + words["width"] <= field["x"] + field["width"]


def test_a_pasted_text_that_is_too_long_is_said_to_be_cut(page: "Page") -> None:
    page.keyboard.insert_text("It is a truth. " * 4000)
    assert len(_text(page)) == 20_000
    note = page.get_by_text("Only the first 20,000 characters were kept.")
    assert note.is_visible()
    assert _suggested(page)
    page.keyboard.press("Backspace")
    assert note.is_hidden()
