"""What a notebook shows of models and results: whole, escaped, and legible on light and dark pages."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nextword.api.trained_model import TrainedModel, load
from nextword.inference.evaluation.comparison import ComparedWord, ComparedWords
from nextword.inference.evaluation.keystrokes import KeystrokeEvaluation
from nextword.inference.scoring.line_score import LineScore, ShownLine
from nextword.inference.suggestion.suggestion import Suggestion, Suggestions
from nextword.training.report.history import TrainingHistory
from support.browser import checked_page, headless_chromium
from support.training_records import POINTS, RECORDS

HOSTILE = "<script>document.title = 'hit'</script>\"'&<unk>"
ALLOWED = {
    *("div", "table", "thead", "tbody", "tr", "th", "td", "span", "br"),
    *("svg", "path", "text", "polyline", "circle"),
}
TEXT = "She was very much obliged to him."


@pytest.fixture(scope="module")
def model() -> TrainedModel:
    found = load("austen")
    return TrainedModel.of(found, TrainingHistory(tuple(RECORDS), tuple(POINTS)))


def hostile_line() -> ShownLine:
    ids = np.arange(2, dtype=np.int32)
    log_probs = np.array([-1.0, -np.inf], np.float32)
    line = LineScore(1, HOSTILE, ids, log_probs, ids + 1, np.zeros(2, bool), np.zeros(2))
    return ShownLine(**vars(line), tokens=(HOSTILE, "<eos>"))


RESULTS: dict[str, Callable[[TrainedModel], Any]] = {
    "model": lambda model: model,
    "history": lambda model: model.history,
    "suggestions": lambda model: model.suggest("I am very much"),
    "completions": lambda model: model.complete("I am very much ob"),
    "session": lambda model: model.session().suggestions(),
    "comparison": lambda model: model.compare(TEXT, max_tokens=7),
    "score": lambda model: model.score(TEXT),
    "scores": lambda model: next(model.score_lines([TEXT])),
    "keystrokes": lambda model: model.keystrokes(TEXT),
    "evaluation": lambda model: model.evaluate(TEXT),
}
HOSTILE_RESULTS: dict[str, Any] = {
    "suggestions": Suggestions([Suggestion(HOSTILE, 0.5), Suggestion("", 0.0)]),
    "comparison": ComparedWords([ComparedWord(3, HOSTILE, HOSTILE, 1, float("inf"), ((HOSTILE, 1.0),))]),
    "score": hostile_line(),
}


class Elements(HTMLParser):
    """The elements of a fragment, which must be closed in order, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes += attrs
        if tag != "br":
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_is_shown_by_plain_elements_with_styles_of_their_own(name: str, model: TrainedModel) -> None:
    html = RESULTS[name](model)._repr_html_()
    found = Elements(html)
    assert found.names <= ALLOWED
    assert not [key for key, _ in found.attributes if key.startswith("on") or key in ("class", "id", "href", "src")]
    assert len(html) < 10_000
    assert not re.search(r"(?<![-\w])(?:color|background):\s*(?:#|black|white)", html)  # text and paper are the page's


@pytest.mark.parametrize("name", HOSTILE_RESULTS)
def test_words_are_text_and_never_elements(name: str) -> None:
    found = Elements(HOSTILE_RESULTS[name]._repr_html_())
    assert found.names <= ALLOWED
    assert HOSTILE in found.text


def test_the_figures_that_are_shown_are_those_of_the_result(model: TrainedModel) -> None:
    suggestions = model.suggest("I am very much", k=3)
    shown = Elements(suggestions._repr_html_()).text
    assert all(each.text in shown and f"{each.probability:.2%}" in shown for each in suggestions)
    assert "110.00 after 1.50 epochs" in Elements(model._repr_html_()).text
    score = model.score(TEXT)
    shown = Elements(score._repr_html_()).text
    assert f"{score.log10_prob:.3f}" in shown
    assert all(f"{bits:.1f}" in shown for bits in score.bits)
    assert list(score.tokens) == ["She", "was", "very", "much", "obliged", "to", "him", ".", "<eos>"]


def test_what_was_a_list_is_one_still(model: TrainedModel) -> None:
    suggestions = model.suggest("I am very much", k=3)
    assert suggestions == list(suggestions)
    assert repr(suggestions) == repr(list(suggestions))
    assert isinstance(suggestions, list)
    assert isinstance(model.keystrokes(TEXT), KeystrokeEvaluation)
    assert isinstance(model.score(TEXT), LineScore)
    assert repr(model.score(TEXT)).startswith("LineScore(")


def test_a_history_shows_its_curve_and_its_last_rounds() -> None:
    html = TrainingHistory(tuple(RECORDS * 5), tuple(POINTS))._repr_html_()
    assert html.count("<polyline") == 2
    assert html.count("<tr") == 1 + 10
    assert "<svg" not in TrainingHistory(())._repr_html_()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_shows_every_result_legibly_and_runs_nothing(
    scheme: str, model: TrainedModel, tmp_path: Path
) -> None:
    shown = [make(model)._repr_html_() for make in RESULTS.values()]
    shown += [result._repr_html_() for result in HOSTILE_RESULTS.values()]
    style = "body{background:#fff;color:#111}@media (prefers-color-scheme:dark){body{background:#111;color:#eee}}"
    page_file = tmp_path / "results.html"
    page_file.write_text(
        f"<!doctype html><meta charset=utf-8><title>quiet</title><style>{style}</style>{'<hr>'.join(shown)}", "utf-8"
    )
    with headless_chromium() as browser, checked_page(browser) as page:
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.goto(page_file.as_uri())
        assert page.title() == "quiet"
        colors = page.evaluate(
            "[...document.querySelectorAll('td, th, text')].map(each => {const style = getComputedStyle(each);"
            "return each.tagName === 'text' ? style.fill : style.color})"
        )
        assert set(colors) == {"rgb(238, 238, 238)" if scheme == "dark" else "rgb(17, 17, 17)"}
