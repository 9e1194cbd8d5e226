"""`benchmarks/distributed.py` in its smallest form."""

import os
from pathlib import Path

import pytest

from support.benchmark_runs import benchmark


@pytest.mark.slow
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two cores")
def test_one_process_and_two_have_the_same_loss(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("She said that it was very much obliged.\nHe was not.\n" * 1500, encoding="utf-8")
    done = benchmark("distributed", "--text", text, "--epochs", "1")
    assert done.code == 0, done.errors
    one, two, _ = done.lines("run")
    assert two["valid_loss"] == pytest.approx(one["valid_loss"], abs=1e-3)
    assert two["words_per_s"] > 0
