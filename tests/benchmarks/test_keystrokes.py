"""`benchmarks/keystrokes.py` and its ledger."""

import json
import os
from pathlib import Path

import pytest

import nextword
from support.benchmark_runs import benchmark

TEXT = "She was very much obliged to him.\n\nMr. Kowalczyk was not. Mr. Kowalczyk said so.\n"


def test_the_keystrokes_of_a_model_enter_the_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [str(Path(nextword.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    text, ledger = tmp_path / "letter.txt", tmp_path / "keystrokes.jsonl"
    text.write_text(TEXT, encoding="utf-8")
    named = ["--corpus", "letter", "--model", "LSTM", "--shown-as", "nextword evaluate austen letter.txt --keystrokes"]
    evaluated = ["austen", text, "--split", "all", "--max-tokens", "25"]
    done = benchmark("keystrokes", *evaluated, *named, "--ledger", ledger)
    assert done.code == 0, done.errors
    plain, learned, *counted = (json.loads(line) for line in ledger.read_text(encoding="utf-8").splitlines())
    found = nextword.load("austen").keystrokes(TEXT)
    assert plain["savings_3"] == round(found.plain.savings(3), 4)
    assert learned["savings_3"] == round(found.learned.savings(3), 4)
    assert (plain["model"], plain["learned_words"], learned["learned_words"]) == ("LSTM", False, True)
    assert plain["command"] == "nextword evaluate austen letter.txt --keystrokes"
    assert [each["model"] for each in counted] == ["Kneser-Ney 5"] * 2
    failed = benchmark("keystrokes", *evaluated, *named, "--ledger", ledger, "--copied")
    assert failed.code == 2
    assert "must succeed, but ended with 2" in failed.errors
    assert len(ledger.read_text(encoding="utf-8").splitlines()) == 2 + len(counted)
