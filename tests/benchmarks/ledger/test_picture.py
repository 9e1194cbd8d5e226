from collections.abc import Callable
from pathlib import Path

from harness.ledger.picture import draw_minutes
from harness.ledger.result import Result

Make = Callable[..., Result]


def drawn(results: list[Result], path: Path) -> str:
    draw_minutes(results, "ptb", path)
    return path.read_text(encoding="utf-8")


def test_each_method_has_a_panel_and_each_program_of_the_contest_a_mark(make: Make, tmp_path: Path) -> None:
    ours = [make(), make(seed=1), make(minutes=30.0, command="30"), make(method="cache,temperature")]
    alone = drawn(ours, tmp_path / "a.svg")
    program = make(preset="contest/other", test_perplexity=150.0)
    beside = drawn([*ours, program], tmp_path / "b.svg")
    assert ">the network alone<" in alone
    assert ">with a cache<" in alone
    assert ">nextword, a processor<" in alone
    assert ">other<" not in alone
    assert ">other<" in beside


def test_nextword_in_the_contest_is_not_drawn_again(make: Make, tmp_path: Path) -> None:
    ours = [make()]
    assert drawn(ours, tmp_path / "a.svg") == drawn([*ours, make(preset="contest/nextword")], tmp_path / "b.svg")


def test_of_several_recipes_of_a_program_the_best_is_drawn(make: Make, tmp_path: Path) -> None:
    best = make(preset="contest/other", command="b", valid_perplexity=140.0, test_perplexity=150.0)
    worse = make(preset="contest/other", command="w", valid_perplexity=190.0, test_perplexity=200.0)
    alone = drawn([make(), best], tmp_path / "a.svg")
    assert drawn([make(), best, worse], tmp_path / "b.svg") == alone
    assert drawn([make(), worse, best], tmp_path / "c.svg") == alone
    later = make(preset="contest/other", command="b", commit="7654321", valid_perplexity=190.0, test_perplexity=200.0)
    assert drawn([make(), best, later], tmp_path / "d.svg") == alone


def test_each_machine_has_a_line_and_a_legend_entry_for_any_method(make: Make, tmp_path: Path) -> None:
    elsewhere = make(minutes=30.0, command="30", processor="EPYC, 2 cores")
    picture = drawn([make(), make(method="cache,temperature"), elsewhere], tmp_path / "a.svg")
    assert ">nextword, a processor<" in picture
    assert ">nextword, EPYC<" in picture


def test_what_only_some_were_read_by_is_not_drawn(make: Make, tmp_path: Path) -> None:
    ours = [make()]
    assert drawn(ours, tmp_path / "a.svg") == drawn([*ours, make(method="dynamic")], tmp_path / "b.svg")
