import json

from harness.serving.outcome import Bar, Outcome


def test_a_bar_is_met_on_its_side_of_the_limit() -> None:
    assert [Bar("a", value, 2).met for value in (1, 2, 3, None)] == [True, True, False, False]
    assert [Bar("a", value, 2, at_least=True).met for value in (1, 2, 3, None)] == [False, True, True, False]


def test_an_outcome_is_met_if_all_bars_are(outcome: Outcome) -> None:
    table = json.loads(json.dumps(outcome.to_table()))
    assert table["met"] is False
    assert [bar["met"] for bar in table["bars"]] == [True, False, False]
    assert table["figures"]["requests"] == 1234
    assert Outcome("start", [Bar("ready", 1.5, 2)]).to_table()["met"] is True
