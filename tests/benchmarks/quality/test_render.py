import io
from typing import Any

from rich.console import Console

from harness.quality.record import Record, Terms
from harness.quality.render import render_record


def result(test: float, **changed: Any) -> dict[str, Any]:
    return {
        "valid_perplexity": test + 4,
        "test_perplexity": test,
        "method": "stream",
        "words_per_second": 4321.0,
        "parameters": 1234567,
        "tokens": 7777777,
        "epochs": 8.37,
        "seconds": 1800.0,
        "perplexities": {"stream": {"valid": test + 4, "test": test}},
        "provenance": {"processor": "AMD EPYC, 2 cores", "date": "2018-03-04T05:06", "commit": "abc", "load": 0.31},
        **changed,
    }


def rendered(record: Record) -> list[str]:
    console = Console(file=io.StringIO(), width=160)
    console.print(render_record(record))
    assert isinstance(console.file, io.StringIO)
    return [line.strip() for line in console.file.getvalue().splitlines() if line.strip()]


def test_the_table_is_markdown_with_the_lowest_perplexity_on_top() -> None:
    methods = {"stream": {"valid": 94.0, "test": 90.0}, "windows of 30": {"valid": 99.0, "test": 98.5}}
    record = Record(
        Terms("ptb", "0" * 64, 30.0, 0),
        results={"worse": result(90, perplexities=methods), "better": result(84.25)},
        missing={"absent": "no interpreter with torch"},
    )
    lines = rendered(record)
    assert [line.split("|")[1].strip() for line in lines if line.startswith("| ")] == [
        *("peer", "better", "worse", "absent")
    ]
    better = [cell.strip() for cell in lines[2].split("|")[1:-1]]
    assert better == [*("better", "1,234,567", "4,321", "7,777,777", "8.4", "30.0", "88.25", "84.25", "stream", "0.3")]
    assert set(lines[1]) == {"|", "-"} or set(lines[1]) == {"|", "-", ":"}
    below = "\n".join(lines)
    assert "30 minutes each on ptb, seed 0" in below
    assert "worse, read as windows of 30: 99.00, 98.50" in below
    assert "missing: absent: no interpreter with torch" in below
    assert below.count("AMD EPYC, 2 cores; 2018-03-04; commit abc") == 1


def test_a_load_that_cannot_be_told_is_left_open() -> None:
    provenance = {"processor": "M1", "date": "2018-03-04", "commit": None, "load": None}
    record = Record(Terms("ptb", "0" * 64, 30.0, 0), results={"a": result(90, provenance=provenance)})
    lines = rendered(record)
    assert lines[2].split("|")[-2].strip() == ""
    assert "commit unknown" in lines[-1]
