from pathlib import Path

import pytest

from harness.quality.record import Record, Terms
from nextword.errors import SettingError

TERMS = Terms("ptb", "0" * 64, 30.0, 0)
RESULT = {"valid_perplexity": 90.0, "test_perplexity": 85.0}


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "quality.json"
    record = Record.open(path, TERMS)
    record.add("a", RESULT)
    record.note_missing({"b": "no interpreter"})
    assert Record.open(path, TERMS).results == {"a": RESULT}


def test_what_matters_stands_on_top() -> None:
    record = Record(TERMS, results={"a": RESULT}, made_by={"command": "python"})
    table = record.to_table()
    assert table["test_perplexity"] == {"a": 85.0}
    assert table["terms"]["minutes"] == 30
    assert table["command"] == "python"


@pytest.mark.parametrize("text", ["", "[]", '{"results": {}}', '{"terms": {}, "results": {}}'])
def test_a_file_of_something_else_is_refused_and_kept(tmp_path: Path, text: str) -> None:
    path = tmp_path / "quality.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingError, match="must hold results of this benchmark"):
        Record.open(path, TERMS)
    assert path.read_text(encoding="utf-8") == text
