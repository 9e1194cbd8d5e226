import json
from pathlib import Path

import pytest

from support.commands import Bundle, Captured, Command, nextword


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "app.log"
    path.write_text("the cat sat .\ncat cat dog\x1b[2J\nthe mat\n\nsat on the mat .\n", encoding="utf-8")
    return path


def test_lines_are_ranked_by_surprise(model: Path, log: Path, printed: Command) -> None:
    for measure in ("excess", "mean", "max", "sum"):
        tables = [json.loads(line) for line in printed("surprise", model, log, "--by", measure, "--json").splitlines()]
        bits = [table["bits"] for table in tables]
        assert bits == sorted(bits, reverse=True)
        assert sorted(table["number"] for table in tables) == [1, 2, 3, 5]  # line 4 is blank
        assert {table["file"] for table in tables} == {str(log)}


def test_a_line_is_shown_with_its_place_and_the_words_that_cause_it(model: Path, log: Path, printed: Command) -> None:
    output = printed("surprise", model, log, "-k", "5", "--top-tokens", "9")
    assert "\x1b" not in output
    lines = output.splitlines()
    assert len(lines) == 8
    (place,) = (index for index, line in enumerate(lines) if f"{log}:2  cat cat dog" in line)
    assert r"dog\x1b[2J* " in lines[place + 1]
    assert "cat " in lines[place + 1]
    assert "cat* " not in lines[place + 1]


def test_a_threshold_alone_keeps_the_order_of_the_lines(model: Path, log: Path, capsys: Captured) -> None:
    assert nextword("surprise", model, log, "--json") == 0
    bits = {table["number"]: table["bits"] for table in map(json.loads, capsys.readouterr().out.splitlines())}
    threshold = sorted(bits.values())[2]
    expected = [number for number in sorted(bits) if bits[number] >= threshold]
    assert nextword("surprise", model, log, "--json", "--threshold", threshold) == 0
    assert [json.loads(line)["number"] for line in capsys.readouterr().out.splitlines()] == expected
    assert nextword("surprise", model, log, "--json", "--threshold", threshold, "-k", "2") == 0
    ranked = sorted(expected, key=lambda number: -bits[number])
    assert [json.loads(line)["number"] for line in capsys.readouterr().out.splitlines()] == ranked[:2]


def test_long_lines_are_cut(small_bundle: Bundle, tmp_path: Path, printed: Command) -> None:
    path = tmp_path / "long.txt"
    path.write_text("cat " * 1000 + "x" * 1000, encoding="utf-8")
    assert max(map(len, printed("surprise", small_bundle(), path).splitlines())) < 500


def test_mistakes_exit_with_two(small_bundle: Bundle, log: Path, capsys: Captured) -> None:
    assert nextword("surprise", small_bundle(), log, "--top-tokens", "-1") == 2
    assert "`--top-tokens` must be at least 0, but is -1" in capsys.readouterr().err
