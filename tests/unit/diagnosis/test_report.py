import json

import pytest

from nextword.diagnosis.report import Report, diagnose
from nextword.errors import SettingError
from nextword.machine import facts
from nextword.machine.facts import Facts
from nextword.machine.framework import Framework
from nextword.machine.problems import find_problems
from nextword.ops import lstm


def test_a_report_goes_through_json(sound: Facts) -> None:
    table = Report(
        preset="quick", facts=sound, lstm_path=None, measurements=None, problems=find_problems(sound)
    ).to_table()
    assert json.loads(json.dumps(table, allow_nan=False)).keys() == {
        "preset",
        "system",
        "python",
        "processor",
        "capacity",
        "gpus",
        "framework",
        "versions",
        "environment",
        "training_memory_bytes",
        "setups",
        "lstm_path",
        "measurements",
        "problems",
    }
    assert table["processor"]["features"]["AVX512_BF16"] is True
    assert table["measurements"] is None
    assert table["problems"] == []


def test_measurements_are_made_and_reported(tiny_preset: str) -> None:
    report = diagnose(tiny_preset)
    assert report.measurements is not None
    table = json.loads(json.dumps(report.to_table(), allow_nan=False))
    assert table["preset"] == "tiny"
    assert table["measurements"]["compute_dtype"] in ("float32", "bfloat16")
    assert table["measurements"]["training"]["words_per_second"] > 0


def test_nothing_is_measured_where_training_is_not_possible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "read_framework", lambda: Framework(backend="jax", missing="jax"))
    report = diagnose("quick")
    assert report.measurements is None
    assert report.lstm_path is None
    assert report.problems[0].code == "no-training-extra"
    assert report.to_table()["problems"][0]["repair"] == "in the folder of nextword: pip install '.[train]'"


def test_the_dispatch_is_asked_for_the_path_when_training_has_chosen_it(
    tiny_preset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = ["the scan"]
    monkeypatch.setattr(lstm, "lstm_path", lambda: chosen[-1])
    assert diagnose(tiny_preset, measuring=False).lstm_path == "the scan"
    assert diagnose(tiny_preset, say=lambda _what: chosen.append("cuDNN")).lstm_path == "cuDNN"


def test_a_preset_must_be_known() -> None:
    with pytest.raises(SettingError, match="did you mean `quick`"):
        diagnose("quik", measuring=False)
