"""`benchmarks/training.py` at sizes that take seconds. Speed is not checked."""

from pathlib import Path

import pytest

from support.benchmark_runs import benchmark

TINY = (
    *("--hidden-sizes", "8,8", "--embedding-size", "8", "--vocabulary-size", "50"),
    *("--batch-size", "2", "--num-steps", "3", "--repeats", "1", "--steps", "1"),
)
PATIENCE = 240
PARAMETERS = 50 * 8 + 2 * (2 * 8 * 32 + 32) + 50


@pytest.mark.slow
def test_peers_are_compared_and_what_is_missing_is_named(tmp_path: Path) -> None:
    path, picture = tmp_path / "training.json", tmp_path / "training.svg"
    peers = "nextword,keras-jax,product-peak,pytorch-bfloat16"
    options = ("--peers", peers, "--pytorch", "no-such-python", "--json", path, "--plot", picture)
    done = benchmark("training", "--preset", "quick", *TINY, *options)
    assert done.code == 0, done.errors
    assert path.read_text(encoding="utf-8") == done.output
    assert "turn 1 of 1: nextword, keras-jax, product-peak" in done.errors
    ours, keras = done.lines("peer")
    assert (ours["peer"], keras["peer"], keras["parameters"]) == ("nextword", "keras-jax", PARAMETERS)
    assert ours["words_per_second"] == pytest.approx(2 * 3 / ours["samples"]["step"][0])
    (summary,) = done.lines("summary")
    assert summary["ratios"]["keras-jax"] == pytest.approx(ours["words_per_second"] / keras["words_per_second"])
    assert summary["ratios"]["pytorch-bfloat16"] is None
    assert "no-such-python was named" in summary["missing"]["pytorch-bfloat16"]
    assert 0 < summary["peak_share"] < 1
    assert done.lines("origin")[0]["command"].startswith("python benchmarks/training.py --preset quick")
    assert ">keras-jax<" in picture.read_text(encoding="utf-8")
