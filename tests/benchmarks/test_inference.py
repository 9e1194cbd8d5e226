"""`benchmarks/inference.py` with a tiny model. Speed is not checked."""

import pytest

from support.benchmark_runs import benchmark

TINY = (
    *("--vocabulary-size", "60", "--hidden-size", "8", "--turns", "2", "--steps", "3"),
    *("--sentences", "20", "--starts", "1", "--keys", "12"),
)
OURS = {
    *("nextword-step-int8", "nextword-step-float32", "nextword-score-int8", "nextword-score-float32"),
    *("nextword-start", "nextword-load", "nextword-keys"),
    *(f"nextword-{task}-mixture" for task in ("step", "score", "start", "keys")),
}


@pytest.mark.slow
def test_without_pytorch_the_rest_is_measured() -> None:
    done = benchmark("inference", *TINY, "--pytorch", "no-such-python")
    assert done.code == 0, done.errors
    samples = {line["peer"]: line["samples"] for line in done.lines("peer")}
    assert samples.keys() == OURS
    assert len(samples["nextword-step-int8"]["step"]) == 2 * 3
    assert len(samples["nextword-score-int8"]["share"]) == 2
    assert len(samples["nextword-keys"]["key"]) == 12
    (summary,) = done.lines("summary")
    assert summary["ratios"] == {"pytorch-int8": None, "pytorch-float32": None, "scoring": None}
    both = {f"pytorch-{what}-{precision}" for what in ("step", "score") for precision in ("int8", "float32")}
    assert summary["missing"].keys() == both | {"pytorch-step-float32-without-onednn"}
    for name in ("step_over_read", "cold_start_seconds", "load_seconds", "suggest_p99_ms"):
        assert summary[name] > 0
    assert summary["mixture"].keys() == {"step", "scoring", "cold_start_seconds", "suggest_p50_ms", "suggest_p99_ms"}
    assert all(figure > 0 for figure in summary["mixture"].values())
    assert 10 < summary["cold_start_mb"] < 10_000
    made = summary["made"]
    assert made["onnx_bytes"]["int8"] < made["onnx_bytes"]["float32"]
    assert summary["words_per_second"]["nextword-score-int8"] == pytest.approx(
        made["words"] / sum(samples["nextword-score-int8"]["share"])
    )


@pytest.mark.slow
def test_pytorch_runs_the_same_model(torch: list[str]) -> None:
    done = benchmark("inference", *TINY)
    (summary,) = done.lines("summary")
    assert summary["missing"] == {}
    assert all(ratio > 0 for ratio in (*summary["ratios"].values(), *summary["other_ratios"].values()))
    second_biases = 2 * 4 * 8
    theirs = {line["peer"]: line["parameters"] for line in done.lines("peer") if line["peer"].startswith("pytorch")}
    assert set(theirs.values()) == {summary["made"]["parameters"] + second_biases}
