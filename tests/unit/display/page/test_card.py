from typing import Any

import pytest

from nextword.display.page.card import card_elements


@pytest.mark.parametrize(
    ("card", "elements"),
    [
        ("# austen\n\n###### Small", [["h2", "austen"], ["h6", "Small"]]),
        ("a\nb  \nc `d*`\\*", [["p", "a", " ", "b", ["br", ""], "c ", ["code", "d*"], "*"]]),
        ("- **a**\n- b", [["ul", ["li", "", ["strong", "a"], ""], ["li", "b"]]]),
        ("1. a", [["ol", ["li", "a"]]]),
        ("```sh\n# a\n```", [["pre", ["code", "# a\n"]]]),
        (
            "| a | b |\n|---|--:|\n| 1 | \\| |",
            [["table", ["thead", ["tr", ["th", "a"], ["th", "b"]]], ["tbody", ["tr", ["td", "1"], ["td", "|"]]]]],
        ),
        ("> a", [["blockquote", ["p", "a"]]]),
        ("a\n\n---", [["p", "a"], ["hr", ""]]),
        ("", []),
    ],
)
def test_markdown_becomes_elements(card: str, elements: list[Any]) -> None:
    assert card_elements(card) == elements


@pytest.mark.parametrize(
    ("card", "text"),
    [
        ("<script>alert(1)</script>", ["<script>alert(1)</script>"]),
        ('a <img src="x" onerror="alert(1)">', ['a <img src="x" onerror="alert(1)">']),
        ("[x](javascript:alert(1))", ["[x](javascript:alert(1))"]),
        ("[x](https://a.b)", ["x", " (https://a.b)"]),
        ("[https://a.b](https://a.b)", ["https://a.b"]),
        ("![x](y.png)", ["!", "x", " (y.png)"]),
    ],
)
def test_markup_and_links_are_text(card: str, text: list[str]) -> None:
    assert card_elements(card) == [["p", *text]]


@pytest.mark.parametrize("mark", ["*a **", "[", "> ", "- "])
def test_elements_are_nested_to_a_limit_only(mark: str) -> None:
    depth, level = 0, card_elements(mark * 2000 + "a" + mark[::-1] * 2000)
    while level := [part for each in level if isinstance(each, list) for part in each[1:]]:
        depth += 1
    assert depth <= 52
