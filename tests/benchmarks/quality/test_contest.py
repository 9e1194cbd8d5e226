import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.quality.catalogue import QualityPeer
from harness.quality.contest import Contest, summarize
from harness.quality.record import Record
from harness.speed.peer import PeerError
from nextword.errors import SettingError

MakePeer = Callable[..., QualityPeer]
Journal = Callable[[], list[str]]


def say_nothing(_line: str) -> None:
    pass


def test_all_are_given_the_same_ids_and_minutes_one_after_the_other(
    contest: Contest, fake: MakePeer, journal: Journal
) -> None:
    record = Record(contest.terms)
    said: list[str] = []
    contest.hold([fake("a"), fake("b")], record, said.append)
    assert journal() == ["a 21 14 7 7 0.5 3", "b 21 14 7 7 0.5 3"]
    assert list(record.results) == ["a", "b"]
    assert said[:2] == ["a: 0.5 minutes", "a: 0.1 minutes, 10 tokens, valid perplexity 10.00"]


def test_a_result_holds_its_rounds_and_where_it_was_got(contest: Contest, fake: MakePeer) -> None:
    record = Record(contest.terms)
    contest.hold([fake("a", seconds=8.0)], record, say_nothing)
    result = record.results["a"]
    assert [each["tokens"] for each in result["rounds"]] == [10, 20]
    assert result["words_per_second"] == 500
    assert result["provenance"].keys() >= {"processor", "commit", "load", "date"}


def test_the_method_that_valid_prefers_is_the_headline() -> None:
    perplexities = {"stream": {"valid": 21.0, "test": 20.0}, "windows": {"valid": 20.5, "test": 22.0}}
    summary = summarize({"tokens": 1, "seconds": 1, "perplexities": perplexities})
    assert (summary["method"], summary["valid_perplexity"], summary["test_perplexity"]) == ("windows", 20.5, 22.0)


def test_who_fails_is_missing_and_the_others_run(contest: Contest, fake: MakePeer, tmp_path: Path) -> None:
    path = tmp_path / "quality.json"
    record = Record(contest.terms, path)
    contest.hold([fake("a", fault="crash"), fake("b", parameters=7), fake("c", perplexities=None)], record, say_nothing)
    table = json.loads(path.read_text(encoding="utf-8"))
    assert list(table["results"]) == ["b"]
    assert "RuntimeError: out of ideas" in table["missing"]["a"]
    assert "not understood" in table["missing"]["c"]


def test_an_interpreter_that_is_not_there_is_a_reason(contest: Contest, fake: MakePeer) -> None:
    def find() -> tuple[str]:
        raise PeerError("no interpreter with torch: looked everywhere")

    record = Record(contest.terms)
    contest.hold([replace(fake("a"), interpreter=find), fake("b")], record, say_nothing)
    assert record.missing == {"a": "no interpreter with torch: looked everywhere"}
    assert list(record.results) == ["b"]


def test_what_is_done_is_not_done_again(contest: Contest, fake: MakePeer, journal: Journal, tmp_path: Path) -> None:
    path = tmp_path / "quality.json"
    contest.hold([fake("a"), fake("b", fault="crash")], Record.open(path, contest.terms), say_nothing)
    resumed = Record.open(path, contest.terms)
    contest.hold([fake("a"), fake("b", tokens=8)], resumed, say_nothing)
    assert [line.split()[0] for line in journal()] == ["a", "b", "b"]
    assert resumed.results["b"]["tokens"] == 8
    assert json.loads(path.read_text(encoding="utf-8"))["missing"] == {}


def test_fresh_runs_again_what_it_names_and_keeps_the_rest(
    contest: Contest, fake: MakePeer, journal: Journal, tmp_path: Path
) -> None:
    path = tmp_path / "quality.json"
    contest.hold([fake("a"), fake("b")], Record.open(path, contest.terms), say_nothing)
    fresh = Record.open(path, contest.terms, without=frozenset({"b"}))
    contest.hold([fake("b", tokens=8)], fresh, say_nothing)
    assert [line.split()[0] for line in journal()] == ["a", "b", "b"]
    assert list(json.loads(path.read_text(encoding="utf-8"))["results"]) == ["a", "b"]


@pytest.mark.parametrize("other", [{"minutes": 1.0}, {"seed": 4}, {"recipe": {"width": 3}}])
def test_results_on_other_terms_do_not_mix(
    contest: Contest, fake: MakePeer, tmp_path: Path, other: dict[str, Any]
) -> None:
    path = tmp_path / "quality.json"
    contest.hold([fake("a")], Record.open(path, contest.terms), say_nothing)
    with pytest.raises(SettingError, match="on the same terms"):
        Record.open(path, replace(contest, **other).terms)


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_a_perplexity_that_is_no_number_is_a_reason(contest: Contest, fake: MakePeer, value: float) -> None:
    record = Record(contest.terms)
    contest.hold([fake("a", perplexities={"stream": {"valid": 9.0, "test": value}}), fake("b")], record, say_nothing)
    assert list(record.results) == ["b"]
    assert "not finite" in record.missing["a"]
