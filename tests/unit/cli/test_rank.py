import io
import json
import sys
from pathlib import Path

import pytest

from support.commands import Bundle, Captured, Command, Json, nextword

TEXT = "the ___ sat ."


def ranked(output: str) -> list[str]:
    return [line.split(maxsplit=2)[2] for line in output.splitlines()]


def test_candidates_are_ordered(model: Path, capsys: Captured, json_of: Json) -> None:
    table = json_of("rank", model, TEXT, "cat", "mat", "dog")
    assert table["text"] == TEXT
    log_probs = [found["log_prob"] for found in table["candidates"]]
    assert log_probs == sorted(log_probs, reverse=True)
    assert sum(found["probability"] for found in table["candidates"]) == pytest.approx(1)
    assert nextword("rank", model, TEXT, "cat", "mat", "dog") == 0
    assert ranked(capsys.readouterr().out) == [found["candidate"] for found in table["candidates"]]


def test_proposals_are_for_a_gap_without_candidates(model: Path, printed: Command, mistake: Command) -> None:
    assert len(ranked(printed("rank", model, TEXT, "--proposals", "3"))) == 3
    assert "`--proposals` does not go with candidates" in mistake("rank", model, TEXT, "cat", "mat", "--proposals", "3")


def test_candidates_come_from_a_file_or_standard_input(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, printed: Command, mistake: Command
) -> None:
    file = tmp_path / "candidates.txt"
    file.write_text("cat\n\nmat\n \n", encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(file.read_bytes())))
    for given in (file, "-"):
        assert sorted(ranked(printed("rank", model, TEXT, "--candidates", given))) == ["cat", "mat"]
    assert "but both are given" in mistake("rank", model, TEXT, "cat", "--candidates", file)


def test_bad_bytes_of_candidates_are_refused_or_replaced(
    model: Path, tmp_path: Path, capsys: Captured, mistake: Command
) -> None:
    file = tmp_path / "candidates.txt"
    file.write_bytes(b"cat\n\xff\n")
    assert "line 2, byte 4: text must be UTF-8" in mistake("rank", model, TEXT, "--candidates", file)
    assert nextword("rank", model, TEXT, "--candidates", file, "--on-bad-bytes", "replace") == 0
    assert sorted(ranked(capsys.readouterr().out)) == ["cat", "\ufffd"]


def test_the_model_finds_candidates_itself(small_bundle: Bundle, printed: Command) -> None:
    model = small_bundle("word")
    found = ranked(printed("rank", model, "the ? sat.", "--gap", "?", "-k", "3"))
    assert len(set(found)) == 3
    assert not {"<unk>", "<eos>"} & set(found)


def test_no_end_is_counted_if_none_is_wanted(model: Path, capsys: Captured) -> None:
    num_tokens = []
    for options in ([], ["--no-eos"]):
        assert nextword("rank", model, TEXT, "cat", "--json", *options) == 0
        num_tokens.append(json.loads(capsys.readouterr().out)["candidates"][0]["num_tokens"])
    assert num_tokens == [5, 4]


def test_a_terminal_follows_no_candidate(small_bundle: Bundle, printed: Command) -> None:
    assert printed("rank", small_bundle(), TEXT, "\x1b[2J").endswith("\\x1b[2J\n")


def test_mistakes_exit_with_two(small_bundle: Bundle, capsys: Captured, mistake: Command) -> None:
    model = small_bundle("character")
    assert "the text must have one gap, but has 0" in mistake("rank", model, "a b", "c")
    assert nextword("rank", model, "a ___") == 2
    assert "a vocabulary must consist of words to propose candidates, but has characters" in capsys.readouterr().err
