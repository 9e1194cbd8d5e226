import pytest

from nextword.inference.evaluation.keystrokes import Keystrokes, SlotSavings

FOUND = Keystrokes(
    num_keys=12,
    num_words=3,
    num_out_of_vocabulary=1,
    num_keys_out_of_vocabulary=3,
    slots=(SlotSavings(1, 9, 3, 0), SlotSavings(3, 7, 3, 2), SlotSavings(5, 6, 5, 1)),
    next_word_hits=(0, 1),
    num_begun_words=2,
    completion_hits=1.5,
)


def test_the_table_has_every_figure() -> None:
    table = FOUND.to_table()
    assert table.pop("slots")[1] == {
        "num_slots": 3,
        "num_keys": 7,
        "savings": pytest.approx(5 / 12),
        "savings_by_next_word": pytest.approx(3 / 12),
        "savings_by_completion": pytest.approx(2 / 12),
    }
    assert table == {
        "num_keys": 12,
        "num_words": 3,
        "num_out_of_vocabulary": 1,
        "num_keys_out_of_vocabulary": 3,
        "next_word_top_1": 0,
        "next_word_top_3": pytest.approx(1 / 3),
        "completion_top_3": 0.75,
    }


def test_a_result_is_shown_in_one_line() -> None:
    assert repr(FOUND) == "Keystrokes(25.00% saved by 1, 41.67% saved by 3, 50.00% saved by 5, 12 keys, 3 words)"


def test_figures_are_shown_in_percent() -> None:
    assert FOUND.figures() == {
        "keystrokes saved, 1 slot": "25.00%",
        "  by next word, 1 slot": "25.00%",
        "  by completion, 1 slot": "0.00%",
        "keystrokes saved, 3 slots": "41.67%",
        "  by next word, 3 slots": "25.00%",
        "  by completion, 3 slots": "16.67%",
        "keystrokes saved, 5 slots": "50.00%",
        "  by next word, 5 slots": "41.67%",
        "  by completion, 5 slots": "8.33%",
        "next word, top 1": "0.00%",
        "next word, top 3": "33.33%",
        "completion, top 3": "75.00%",
        "keys without suggestions": "12",
        "words": "3",
        "words not in vocabulary": "1",
    }


def test_a_text_without_words_has_no_rates() -> None:
    found = Keystrokes(0, 0, 0, 0, (SlotSavings(1, 0, 0, 0),), (0, 0), 0, 0.0)
    assert found.savings(1) == 0
    assert found.next_word_hit_rate(1) is None
    assert found.completion_hit_rate is None
    assert found.figures()["completion, top 3"] == ""
    with pytest.raises(KeyError):
        found.savings(2)
