import json
from collections.abc import Callable

import pytest

from harness.inference.report import InferenceReport

MakeReport = Callable[..., InferenceReport]

ALL = (
    *(f"{by}-step-{precision}" for by in ("nextword", "pytorch") for precision in ("int8", "float32")),
    *(f"{by}-score-{precision}" for by in ("nextword", "pytorch") for precision in ("int8", "float32")),
    *("pytorch-step-float32-without-onednn", "nextword-start", "nextword-load", "nextword-keys"),
)


def test_steps_are_compared_with_ours_in_int8_at_their_medians(make_report: MakeReport) -> None:
    report = make_report()
    assert report.ratios["pytorch-int8"] == pytest.approx(5e-3 / 2e-3)
    assert report.ratios["pytorch-float32"] == pytest.approx(50e-3 / 2e-3)
    assert report.other_ratios["pytorch-float32-without-onednn"] == pytest.approx(30e-3 / 2e-3)
    assert report.other_ratios["step-float32"] == pytest.approx(50e-3 / 4e-3)


def test_scoring_is_compared_over_all_sentences_in_whichever_of_ours_is_the_faster(make_report: MakeReport) -> None:
    report = make_report()
    assert report.scoring_engine == "float32"
    assert report.words_per_second("nextword", "float32") == pytest.approx(500 / 2.5)
    assert report.ratios["scoring"] == pytest.approx(10 / 2.5)
    assert report.other_ratios["scoring-float32"] == pytest.approx(10 / 2.5)
    assert report.other_ratios["scoring-int8"] == pytest.approx(6 / 4)
    assert make_report("nextword-score-float32").scoring_engine == "int8"
    assert make_report("nextword-score-float32").ratios["scoring"] == pytest.approx(10 / 4)


def test_a_step_is_compared_with_one_reading_of_its_weights(make_report: MakeReport) -> None:
    report = make_report()
    # The buffer is ten times as large as the weights, and is read in 10 ms: they are read in 1 ms.
    assert report.bytes_per_second == pytest.approx(26_000 / 10e-3)
    assert report.step_over_read == pytest.approx(2e-3 / 1e-3)


def test_waiting_times(make_report: MakeReport) -> None:
    report = make_report()
    assert report.cold_start_seconds == 0.5
    assert report.cold_start_bytes == 90_000_000
    assert report.load_seconds == 0.2
    assert report.key_milliseconds(50) == pytest.approx(50)
    assert report.key_milliseconds(99) == pytest.approx(99)


def test_what_is_missing_leaves_the_rest(make_report: MakeReport) -> None:
    report = make_report(*(name for name in ALL if name.startswith("pytorch")))
    table = report.to_table()
    assert table["ratios"] == {"pytorch-int8": None, "pytorch-float32": None, "scoring": None}
    assert set(table["other_ratios"].values()) == {None}
    assert table["step_over_read"] == pytest.approx(2)
    assert table["missing"].keys() == {name for name in ALL if name.startswith("pytorch")}


def test_without_anything_every_figure_is_null(make_report: MakeReport) -> None:
    report = make_report(*ALL)
    table = report.to_table()
    assert not report.measured
    for name in ("step_over_read", "cold_start_seconds", "load_seconds", "suggest_p99_ms", "scoring_engine", "reading"):
        assert table[name] is None
    assert set(table["ratios"].values()) == {None}


def test_the_table_is_json_and_names_everything(make_report: MakeReport) -> None:
    table = json.loads(json.dumps(make_report().to_table(), allow_nan=False))
    assert list(table)[:5] == ["ratios", "step_over_read", "cold_start_seconds", "load_seconds", "suggest_p99_ms"]
    assert table.keys() >= {"processor", "versions", "commit", "date", "load", "missing", "model", "effort"}
    assert table["samples"]["pytorch-step-float32"] == {"step": [60e-3, 50e-3, 10e-3]}
    assert {row["peer"] for row in table["rows"]} == set(ALL)
    (row,) = [row for row in table["rows"] if row["peer"] == "nextword-load"]
    assert row["seconds"]["load"] == pytest.approx({"lower": 0.15, "median": 0.2, "upper": 0.25})
    assert table["reading"]["weight_bytes"] == 2600
    assert table["words_per_second"]["pytorch-score-float32"] == pytest.approx(50)
