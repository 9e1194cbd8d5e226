import json
from pathlib import Path

import pytest

from harness.ideas.figure import Figure, FigureFile, Terms, worths
from nextword.errors import SettingError

TERMS = Terms("austen", "quick", 2.0, "bfloat16")


def figure(idea: str, seed: int, test_perplexity: float) -> Figure:
    return Figure(
        idea=idea,
        seed=seed,
        valid_perplexity=test_perplexity + 5,
        test_perplexity=test_perplexity,
        seconds=60.0,
        words_per_second=20_000,
        parameters=1000,
        commit="abc",
        processor="a processor",
        load=0.1,
        date="2026-11-27T13:00:00+00:00",
    )


def gains(figures: list[Figure]) -> dict[str, float]:
    return {row["idea"]: row["gain"] for row in worths(figures)}


def test_an_idea_that_is_added_is_worth_what_it_lowers() -> None:
    assert gains([figure("reference", 0, 70.0), figure("cache", 0, 64.0)]) == {"cache": 6.0}
    assert gains([figure("reference", 0, 70.0), figure("weight-drop", 0, 73.0)]) == {"weight-drop": -3.0}


def test_an_idea_of_the_reference_is_worth_what_leaving_it_out_costs() -> None:
    assert gains([figure("reference", 0, 70.0), figure("tied", 0, 74.5)]) == {"tied": 4.5}


def test_each_seed_is_compared_with_the_reference_of_the_same_seed() -> None:
    figures = [figure("reference", 0, 70.0), figure("reference", 1, 72.0), figure("cache", 0, 65.0)]
    (row,) = worths([*figures, figure("cache", 1, 68.0)])
    assert row["gains"] == [5.0, 4.0]
    assert row["gain"] == 4.5


def test_a_seed_without_a_reference_is_left_out() -> None:
    assert gains([figure("reference", 0, 70.0), figure("cache", 1, 65.0)]) == {}


def test_an_ensemble_is_compared_with_the_mean_of_its_members() -> None:
    references = [figure("reference", 0, 70.0), figure("reference", 1, 72.0)]
    assert gains([*references, figure("ensemble", 0, 68.0)]) == {"ensemble": 3.0}


def test_a_file_keeps_its_figures_in_the_order_of_the_ideas(tmp_path: Path) -> None:
    file = FigureFile.open(tmp_path / "ideas.json", TERMS, "python benchmarks/ideas.py")
    for each in (figure("cache", 0, 65.0), figure("reference", 1, 71.0), figure("reference", 0, 70.0)):
        file.add(each)
    again = FigureFile.open(tmp_path / "ideas.json", TERMS, "another command")
    assert [(each.idea, each.seed) for each in again.figures] == [("reference", 0), ("reference", 1), ("cache", 0)]
    assert again.holds("cache", 0)
    assert not again.holds("cache", 1)
    again.write()
    assert json.loads((tmp_path / "ideas.json").read_text(encoding="utf-8"))["command"] == "another command"


def test_figures_on_other_terms_are_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "ideas.json"
    FigureFile.open(path, TERMS, "").add(figure("reference", 0, 70.0))
    before = path.read_bytes()
    with pytest.raises(SettingError, match="must hold figures on the terms"):
        FigureFile.open(path, Terms("ptb", "quick", 2.0, "bfloat16"), "")
    assert path.read_bytes() == before


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"terms": {}, "figures": []}'])
def test_a_file_of_something_else_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "ideas.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingError, match="must hold figures of ideas"):
        FigureFile.open(path, TERMS, "")
