"""What a page says of a model: the files of its run, its card, and a passage of its text."""

import json
from pathlib import Path
from typing import Any

import pytest

from nextword.bundle.bundle import Bundle
from nextword.bundle.model_card import SplitMetrics
from nextword.display.page.page_facts import CurvePoint, PageFacts, card_elements, page_figures, passage_of, read_curve
from nextword.errors import CheckpointError


def test_a_log_has_a_curve(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    assert read_curve(log) == ()
    rows = [{"round": n, "train_perplexity": 300.0 / n, "valid_perplexity": 200.0 / n} for n in (1, 2)]
    log.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert read_curve(log) == (CurvePoint(1, 300.0, 200.0), CurvePoint(2, 150.0, 100.0))


@pytest.mark.parametrize("content", ["", '{"round": 1, "train_perplexity": NaN, "valid_perplexity": 1}\n'])
def test_a_log_without_finite_rounds_has_no_curve(tmp_path: Path, content: str) -> None:
    (tmp_path / "log.jsonl").write_text(content, encoding="utf-8")
    assert read_curve(tmp_path / "log.jsonl") == ()


@pytest.mark.parametrize("content", [b"{", b"[]\n", b'{"train_perplexity": 1.0}\n', b"\xff"])
def test_a_damaged_log_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "log.jsonl").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"log\.jsonl` must be a file written by a training run"):
        read_curve(tmp_path / "log.jsonl")


def test_the_figures_are_those_of_the_run(austen: Bundle) -> None:
    row = SplitMetrics(
        split="test",
        perplexity=65.004,
        bits_per_character=1.4,
        num_out_of_vocabulary=1,
        accuracy=0.2419,
        num_tokens=8,
        protocol="every token once",
    )
    figures = page_figures(austen, [row])
    assert figures == {
        "vocabulary": "9,878 words",
        "parameters": "3,624,502",
        "bits per character (test)": "1.400",
        "perplexity (test)": "65.00",
        "accuracy (test)": "24.19%",
    }
    assert PageFacts.of(austen, metrics=[row]).figures == {**figures, "weights in this page": "int8"}


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


def test_a_short_text_is_taken_whole() -> None:
    assert passage_of(["", "  ", "It is", "", "so.", ""]) == "It is\n\nso."


def test_a_passage_ends_after_a_paragraph_if_one_ends_late() -> None:
    lines = ["a" * 30, "", "b" * 20, "", "c" * 60]
    assert passage_of(lines, max_characters=80) == f"{lines[0]}\n\n{lines[2]}"
    assert passage_of(["a" * 10, "", "b" * 50, "c" * 60], max_characters=80) == f"{'a' * 10}\n\n{'b' * 50}"


def test_a_long_first_line_is_cut_between_words() -> None:
    assert passage_of(["one two three four"], max_characters=10) == "one two"
    assert passage_of(["字" * 20], max_characters=10) == "字" * 10


def test_an_empty_text_has_an_empty_passage() -> None:
    assert passage_of([]) == passage_of(["", ""]) == ""
