from collections.abc import Callable
from pathlib import Path

from harness.ledger.bars import bars_of, draw_bars
from harness.ledger.result import Result

Make = Callable[..., Result]


def results(make: Make) -> list[Result]:
    return [
        make(minutes=30.0, test_perplexity=77.0),
        make(minutes=30.0, method="cache,temperature", test_perplexity=70.0),
        make(preset="contest/nextword", minutes=30.0, test_perplexity=75.0),
        make(preset="contest/transformer", minutes=30.0, valid_perplexity=94.0, test_perplexity=87.0),
        make(preset="contest/transformer", command="b", minutes=30.0, valid_perplexity=99.0, test_perplexity=92.0),
        make(preset="contest/other", minutes=30.0, test_perplexity=107.0),
        make(preset="contest/other", minutes=60.0, test_perplexity=97.0),
        make(preset="contest/transformer", minutes=30.0, processor="EPYC, 2 cores", test_perplexity=60.0),
    ]


def test_each_program_has_a_bar_at_its_best_recipe_on_one_machine(make: Make) -> None:
    bars, machine = bars_of(results(make), "ptb", 30)
    assert machine == "a processor"
    assert bars == [("nextword", 77.0), ("small transformer (PyTorch)", 87.0), ("other", 107.0)]


def test_the_same_results_draw_the_same_picture(make: Make, tmp_path: Path) -> None:
    draw_bars(results(make), "ptb", 30, tmp_path / "a.svg")
    draw_bars(results(make), "ptb", 30, tmp_path / "b.svg")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert ">nextword<" in (tmp_path / "a.svg").read_text(encoding="utf-8")
