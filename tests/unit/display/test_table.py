import pytest

from nextword.display.table import Markup, html_bar, html_stack, html_table

HOSTILE = ["<unk>", "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "a & b", "'"]


@pytest.mark.parametrize("text", HOSTILE)
def test_text_is_escaped_wherever_it_stands(text: str) -> None:
    escaped = {"<": "&lt;", ">": "&gt;", "&": "&amp;", '"': "&quot;", "'": "&#x27;"}
    expected = "".join(escaped.get(character, character) for character in text)
    for html in (html_table([text], []), html_table((), [[text]]), html_table((), [], title=text), html_stack(text)):
        assert expected in html
        assert "<script" not in html
        assert "<img" not in html


def test_markup_is_inserted_as_it_is() -> None:
    assert html_bar(1.0) in html_table(("a", "b"), [("x", html_bar(1.0))])
    assert "<b>x</b>" in html_stack(Markup("<b>x</b>"))


def test_a_table_without_a_header_has_none() -> None:
    assert "<th" not in html_table((), [("a", "b")])
    assert html_table(("a", "b"), []).count("<th ") == 2


def test_words_are_on_the_left_and_numbers_on_the_right() -> None:
    table = html_table(("a", "b", "c"), [("x", "y", "1")], left=2)
    assert (table.count("text-align:left"), table.count("text-align:right")) == (4, 2)


@pytest.mark.parametrize(("fraction", "width"), [(0.0, "0.00em"), (0.25, "2.00em"), (1.0, "8.00em"), (7.0, "8.00em")])
def test_a_bar_is_as_long_as_its_fraction_but_at_most_whole(fraction: float, width: str) -> None:
    assert f"width:{width}" in html_bar(fraction)
