"""`benchmarks/serving.py` with a tiny model. Speed is not checked."""

import pytest

from harness.load import Load, Sample, _tokens_and_error, percentiles
from support.benchmark_runs import benchmark

TINY = (
    *("--vocabulary-size", "80", "--hidden-size", "8", "--turns", "1", "--seconds", "0.2", "--clients", "1,3"),
    *("--scenario-turns", "1", "--scenario-seconds", "0.5", "--overload", "2", "--overload-tokens", "8"),
    *("--capacity-clients", "4", "--starts", "1"),
)


@pytest.mark.slow
def test_servers_are_compared_and_what_is_missing_is_named() -> None:
    done = benchmark("serving", *TINY, "--pytorch", "no-such-python")
    assert done.code == 0, done.errors
    kinds = ("", "-streamed", "-unbatched")
    ours = {f"nextword-{precision}{kind}" for precision in ("float32", "int8") for kind in kinds}
    servers = done.lines("server")
    assert {line["server"] for line in servers} == ours
    assert all(line["tokens_per_second"] > 0 and line["p99_ms"] >= line["p50_ms"] for line in servers)
    (summary,) = done.lines("summary")
    assert summary["missing"].keys() == {"pytorch-one-at-a-time", "pytorch-threads"}
    assert summary["ratios"].keys() == {"batched-1", "batched-3", "pytorch-1", "pytorch-3"}
    assert summary["ratios"]["batched-3"] > 0
    assert summary["ratios"]["pytorch-3"] is None
    assert len(summary["ceilings"]) == 4
    assert [line["precision"] for line in done.lines("start")] == ["float32", "int8"]
    (overload,) = done.lines("overload")
    assert overload["lost"] == 0
    assert overload["accepted"] + overload["rejected"] == overload["requests"]


@pytest.mark.slow
def test_pytorch_serves_the_same_model(torch: list[str]) -> None:
    done = benchmark("serving", *TINY, "--scenario", "throughput")
    (summary,) = done.lines("summary")
    assert summary["missing"] == {}
    assert all(ratio > 0 for ratio in (*summary["ratios"].values(), *summary["other_ratios"].values()))


def test_a_stream_without_its_end_is_an_error() -> None:
    headers = {"content-type": "text/event-stream"}
    counted = b'data: {"usage": {"completion_tokens": 7}}\n\n'
    assert _tokens_and_error(headers, counted + b"data: [DONE]\n\n") == (7, "")
    for broken in (counted, b'data: {"error": {}}\n\ndata: [DONE]\n\n'):
        assert _tokens_and_error(headers, broken) == (0, "the stream ended with an error or without its end")


def test_only_answers_in_the_time_that_counts_are_counted() -> None:
    samples = [Sample(0, 2, tokens=5, status=200), Sample(1.5, 3, 0.5, 7, 200), Sample(2, 3, status=429)]
    load = Load([*samples, Sample(2, 3, error="reset"), Sample(2, 9, tokens=9, status=200)], 1, 5, 0.1)
    assert (load.tokens_per_second, load.requests_per_second) == (3, 0.5)
    assert [sample.error for sample in load.failed] == ["reset"]
    late = Load(samples[1:2], 1, 5, 0.1)
    assert percentiles([late]) == {"p50_ms": 1500, "p99_ms": 1500, "first_p50_ms": 500, "first_p99_ms": 500}
