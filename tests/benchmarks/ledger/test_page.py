import re
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.ledger.page import render, renewed
from harness.ledger.query import Query
from harness.ledger.result import Result, read_results
from nextword.errors import SettingError

Make = Callable[..., Result]

DOCS = Path(__file__).parents[3] / "docs"


def rows(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]


def test_methods_stand_in_rows(make: Make) -> None:
    headings, _, *lines = rows(render(Query(corpus="ptb"), [make(), make(method="cache,ngram", test_perplexity=70.0)]))
    trained = ["preset", "minutes", "machine", "parameters", "epochs"]
    assert headings == [*trained, "read as", "valid", "test", "seeds", "commit"]
    assert lines == [
        ["`auto`", "10", "a processor", "1,000,000", "5.0", "static", "90.00", "**85.00**", "0", "abc1234"],
        ["`auto`", "10", "a processor", "1,000,000", "5.0", "cache, ngram", "90.00", "**70.00**", "0", "abc1234"],
    ]


def test_methods_stand_in_columns(make: Make) -> None:
    results = [make(), make(method="cache", test_perplexity=70.0), make(minutes=30.0, command="other")]
    table = rows(render(Query(corpus="ptb", preset="auto", methods="across"), results))
    assert [line[4:7] for line in table] == [
        ["valid", "test, static", "test, cache"],
        ["---"] * 3,
        ["90.00", "**85.00**", "**70.00**"],
        ["90.00", "**85.00**", ""],
    ]


def test_commas_are_followed_by_one_space(make: Make) -> None:
    table = render(Query(), [make(method="a,b"), make(method="windows of 64, 8 at a time")])
    assert "| a, b |" in table
    assert "| windows of 64, 8 at a time |" in table


def test_seeds_stand_with_their_spread(make: Make) -> None:
    table = rows(render(Query(corpus="ptb", preset="auto"), [make(), make(seed=1, test_perplexity=87.0)]))
    assert "**86.00 ± 1.41**" in table[2]
    assert "0, 1" in table[2]


def test_only_what_stands_between_the_comments_changes(make: Make) -> None:
    page = "before\n<!-- results: preset=auto -->\nold\n<!-- end of results -->\nafter\n<!-- results: preset=none -->\n"
    new = renewed(page, [make()])
    assert new.startswith("before\n<!-- results: preset=auto -->\n\n| corpus |")
    assert new.endswith("|\n\n<!-- end of results -->\nafter\n<!-- results: preset=none -->\n")
    assert renewed(new, [make()]) == new


def test_a_slip_in_a_page_is_named(make: Make) -> None:
    with pytest.raises(SettingError, match="'corpse'"):
        renewed("<!-- results: corpse=ptb -->\n<!-- end of results -->", [make()])


@pytest.mark.parametrize("name", ["results.md", "results-history.md"])
def test_the_pages_of_results_show_what_the_ledger_holds(name: str) -> None:
    """Remake them with `python benchmarks/results.py`."""
    page = (DOCS / name).read_text(encoding="utf-8")
    assert "<!-- results: " in page
    assert renewed(page, read_results(DOCS / "results.jsonl")) == page


def test_the_headline_figures_are_in_the_history() -> None:
    """A figure that is typed into both pages must be the same in both."""
    headline, history = ((DOCS / name).read_text(encoding="utf-8") for name in ("results.md", "results-history.md"))
    sections = [each for each in headline.split("\n## ") if "](results-history.md" in each]
    typed = re.sub(r"<!-- results: .*?<!-- end of results -->", "", "".join(sections), flags=re.DOTALL)
    figures = {*re.findall(r"\d[\d,]*\.\d+|\d+,\d{3}", typed)}
    assert len(figures) > 50
    assert {figure for figure in figures if figure not in history} == set()
