import json
from dataclasses import replace

import pytest
from rich.console import Console

from harness.agreement.agreement import Agreement, render_agreement
from harness.agreement.lm_eval_run import Found
from harness.agreement.own_scores import OwnScores, Score
from harness.agreement.tasks import Choice, Documents
from harness.speed.provenance import Provenance

DOCUMENTS = Documents("a\nb\n", ["a\n", "b\n"], [Choice("a", ["b", "c"], 0)])
FOUND = Found(-30.0, [-10.0, -20.0], [[-1.0, -2.0]], 1.0, 50.0, "0.4.13")
OWN = OwnScores(Score(-30.0, 10), 20.0, [Score(-10.0, 4), Score(-20.0, 6)], [[Score(-1.0, 1), Score(-2.0, 2)]])
BOTH = Agreement(
    "tiny", "a text", "float32", DOCUMENTS, FOUND, OWN, Provenance("a processor", "an OS", "abc", "today", 0)
)


def test_equal_results_agree() -> None:
    assert BOTH.agrees
    assert BOTH.differences == {"whole": 0, "lines": 0, "choices": 0}


@pytest.mark.parametrize(
    ("found", "task", "difference"),
    [
        (replace(FOUND, whole=-30.1), "whole", 0.01),
        (replace(FOUND, lines=[-10.0, -20.03]), "lines", 0.005),
        (replace(FOUND, choices=[[-1.0, -2.4]]), "choices", 0.2),
    ],
)
def test_a_difference_is_per_token_and_breaks_the_agreement(found: Found, task: str, difference: float) -> None:
    both = replace(BOTH, found=found)
    assert both.differences[task] == pytest.approx(difference)
    assert not both.agrees
    assert "DO NOT agree" in text_of(both)


def test_another_right_continuation_breaks_the_agreement() -> None:
    assert not replace(BOTH, found=replace(FOUND, accuracy=0.0)).agrees


def text_of(both: Agreement) -> str:
    console = Console(width=140, highlight=False)
    with console.capture() as capture:
        console.print(render_agreement(both))
    return capture.get()


def test_the_table_shows_both(capsys: pytest.CaptureFixture[str]) -> None:
    text = text_of(BOTH)
    assert "lines 2 10 -30.000 -30.000 0" in " ".join(text.split())
    assert "they agree to 0.001 in log-probability a token" in text
    assert "tiny in float32 on a text; lm_eval 0.4.13" in text


def test_it_is_json() -> None:
    table = json.loads(json.dumps(BOTH.to_table(), allow_nan=False))
    assert table["agrees"] is True
    assert table["log_prob"] == {"lm_eval": -30.0, "nextword": -30.0}
    assert table["versions"] == {"lm_eval": "0.4.13"}
