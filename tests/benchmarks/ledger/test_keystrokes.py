from typing import Any

import pytest

from harness.ledger.keystrokes import (
    KeystrokeResult,
    render_keystrokes,
    renewed_keystrokes,
    results_of_evaluation,
)
from harness.ledger.lines import parsed
from nextword.errors import SettingError
from nextword.inference.evaluation.keystrokes import Keystrokes, SlotSavings

ORIGIN = {
    "corpus": "ptb",
    "models": ("LSTM", "Kneser-Ney 5"),
    "trained_by": "nextword train ptb --minutes 10",
    "command": "nextword evaluate runs/ptb-10 --keystrokes",
    "commit": "abc1234",
    "seed": 0,
    "seconds": 12.5,
    "processor": "a processor",
}
FIGURES = Keystrokes(
    num_keys=1000,
    num_words=300,
    num_out_of_vocabulary=9,
    num_keys_out_of_vocabulary=50,
    slots=(SlotSavings(1, 600, 150, 250), SlotSavings(3, 500, 200, 300), SlotSavings(5, 450, 220, 330)),
    next_word_hits=(60, 90),
    num_begun_words=200,
    completion_hits=150.0,
)


def printed() -> dict[str, Any]:
    """Return what `nextword evaluate --keystrokes --json` prints."""
    columns = [("ptb-10", {}), ("Kneser-Ney", {"kneser_ney": {"order": 5}})]
    return {
        "keystrokes": [
            {"label": label, "settings": settings, "learned_words": learned, **FIGURES.to_table()}
            for label, settings in columns
            for learned in (False, True)
        ]
    }


def test_each_column_is_a_result() -> None:
    results = results_of_evaluation(printed(), ORIGIN)
    assert [(each.model, each.learned_words) for each in results] == [
        ("LSTM", False),
        ("LSTM", True),
        ("Kneser-Ney 5", False),
        ("Kneser-Ney 5", True),
    ]
    first = results[0]
    assert (first.savings_1, first.savings_3, first.savings_5) == (0.4, 0.5, 0.55)
    assert (first.by_next_word, first.by_completion) == (0.2, 0.3)
    assert (first.next_word_top_1, first.next_word_top_3, first.completion_top_3) == (0.2, 0.3, 0.75)
    assert (first.num_keys, first.seconds, first.commit) == (1000, 12.5, "abc1234")


def test_another_file_is_refused() -> None:
    with pytest.raises(SettingError, match="must come from `evaluate --keystrokes --json`"):
        results_of_evaluation({"evaluations": []}, ORIGIN)


def test_a_line_of_the_ledger_is_checked() -> None:
    table = vars(results_of_evaluation(printed(), ORIGIN)[0])
    assert parsed(KeystrokeResult, table) == results_of_evaluation(printed(), ORIGIN)[0]
    for wrong in ({"learned_words": 1}, {"num_keys": True}, {"savings_1": float("nan")}):
        with pytest.raises(SettingError, match="of a result must be"):
            parsed(KeystrokeResult, table | wrong)


def test_a_table_shows_the_newest_result_of_each_model() -> None:
    older, newer = (results_of_evaluation(printed(), ORIGIN | {"commit": commit}) for commit in ("1111111", "2222222"))
    table = render_keystrokes([*older, *newer[:2]], "ptb").splitlines()
    assert table[0] == (
        "| model | learned words | 1 slot | 3 slots | 5 slots | of 3: by next word | by completion | "
        "next word, top 1 | top 3 | completion, top 3 | commit |"
    )
    assert table[2] == (
        "| LSTM | no | 40.0 % | 50.0 % | 55.0 % | 20.0 % | 30.0 % | 20.0 % | 30.0 % | 75.0 % | 2222222 |"
    )
    assert [line.split(" | ")[-1] for line in table[2:]] == ["2222222 |", "2222222 |", "1111111 |", "1111111 |"]
    assert render_keystrokes(older, "austen") == ""


def test_a_page_is_written_again() -> None:
    page = "a\n<!-- keystrokes: corpus=ptb -->\nold\n<!-- end of keystrokes -->\nb\n"
    results = results_of_evaluation(printed(), ORIGIN)
    latter = renewed_keystrokes(page, results)
    assert latter.startswith("a\n<!-- keystrokes: corpus=ptb -->\n\n| model |")
    assert latter.endswith("|\n\n<!-- end of keystrokes -->\nb\n")
    assert renewed_keystrokes(latter, results) == latter
