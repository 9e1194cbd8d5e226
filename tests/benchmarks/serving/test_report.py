import json
from collections.abc import Callable

import pytest

from harness.serving.outcome import Outcome
from harness.serving.report import ServingReport

MakeReport = Callable[..., ServingReport]


def test_rates_are_medians_of_turns(make_report: MakeReport) -> None:
    report = make_report()
    assert report.rates("nextword-float32", 8) == pytest.approx([900, 1000, 1100])
    assert report.rate("nextword-float32", 8) == pytest.approx(1000)
    assert report.requests_per_second("nextword-float32", 8) == pytest.approx(10)
    assert report.client_share("nextword-float32", 8) == 0.25


def test_ratios_compare_with_the_same_precision_and_the_faster_pytorch(make_report: MakeReport) -> None:
    report = make_report()
    assert report.ratios == pytest.approx({"batched-8": 5.0, "pytorch-8": 4.0})
    assert report.other_ratios["int8-batched-8"] == pytest.approx(2.0)
    assert report.other_ratios["pytorch-one-at-a-time-8"] == pytest.approx(10.0)


def test_a_ratio_with_a_missing_side_is_none(make_report: MakeReport) -> None:
    assert make_report("nextword-float32-unbatched").ratios["batched-8"] is None
    assert make_report("pytorch-threads").ratios["pytorch-8"] == pytest.approx(10.0)
    assert make_report("pytorch-threads", "pytorch-one-at-a-time").ratios["pytorch-8"] is None


def test_latency_is_of_all_turns_together(make_report: MakeReport) -> None:
    percentiles = make_report().milliseconds("nextword-float32", 8)
    assert percentiles["p50"] == pytest.approx(20.0)
    assert percentiles["p99"] == pytest.approx(30.0)
    assert percentiles["first_p50"] == pytest.approx(10.0)


def test_the_engine_alone_says_what_batching_can_gain(make_report: MakeReport) -> None:
    assert make_report().ceilings == {"float32": pytest.approx({"1": 500, "8": 2000, "gain-8": 4.0})}


def test_the_table_is_json_with_what_matters_on_top(make_report: MakeReport, outcome: Outcome) -> None:
    table = json.loads(json.dumps(make_report("pytorch-threads", outcomes=(outcome,)).to_table(), allow_nan=False))
    assert [*table][:2] == ["ratios", "p99_ms"]
    assert table["p99_ms"] == {"8": pytest.approx(30.0)}
    assert table["scenarios"]["overload"]["met"] is False
    assert table["missing"] == {"pytorch-threads": "no"}
    assert (table["processor"], table["commit"], table["seed"]) == ("a processor", "abc", 1)
    assert table["versions"] == {"nextword": "1", "torch": "2"}
    assert {row["server"] for row in table["rows"]} >= {"nextword-int8", "fixed-answer"}
    assert table["client_requests_per_second"] == {"8": pytest.approx(10)}


def test_a_report_of_scenarios_alone_has_no_ratios(make_report: MakeReport, outcome: Outcome) -> None:
    report = make_report(outcomes=(outcome,))
    report.throughput.loads.clear()
    assert report.measured
    assert report.ratios == {"batched-8": None, "pytorch-8": None}
    assert report.to_table()["p99_ms"] == {"8": None}
