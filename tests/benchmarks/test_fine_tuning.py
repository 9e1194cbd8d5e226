"""`benchmarks/fine_tuning.py`: what a base is worth."""

from pathlib import Path

import pytest

from support.benchmark_runs import benchmark
from support.tiny_bundle import write_tiny_bundle


@pytest.mark.slow
def test_each_arm_is_measured_on_one_test_text(tmp_path: Path) -> None:
    text, more = tmp_path / "text.txt", tmp_path / "more.txt"
    lines = "\n\n".join(["She said that the Zorblax was very much obliged.", "He was not."] * 250)
    text.write_text(lines, encoding="utf-8")
    more.write_text(lines[:2000], encoding="utf-8")
    base = write_tiny_bundle(tmp_path / "base")
    common = ("--base", base, "--text", text, "--words", "1000", "--base-text", more, "--epochs", "0.5")
    arms = ("base", "start", "tuned", "nothing", "both")
    parts = (part for arm in arms for part in ("--arm", arm))
    done = benchmark("fine_tuning", *common, "--runs", tmp_path / "runs", *parts)
    assert done.code == 0, done.errors
    results = {line["arm"]: line for line in done.lines("result")}
    assert set(arms) <= results.keys()
    assert results["start"]["epochs"] == 0
    assert results["tuned"]["unknown"] == results["nothing"]["unknown"] < results["base"]["unknown"]
