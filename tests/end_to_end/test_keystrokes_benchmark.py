"""`benchmarks/keystrokes.py` as a command."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nextword

REPOSITORY = Path(__file__).resolve().parents[2]
TEXT = "She was very much obliged to him.\n\nMr. Kowalczyk was not. Mr. Kowalczyk said so.\n"


def test_the_figures_of_a_model_enter_the_ledger(tmp_path: Path) -> None:
    text, ledger = tmp_path / "letter.txt", tmp_path / "keystrokes.jsonl"
    text.write_text(TEXT, encoding="utf-8")
    program = str(REPOSITORY / "benchmarks" / "keystrokes.py")
    named = ["--corpus", "letter", "--model", "LSTM", "--shown-as", "nextword evaluate austen letter.txt --keystrokes"]
    evaluated = ["austen", str(text), "--split", "all", "--max-tokens", "25"]
    command = [sys.executable, program, *evaluated, *named, "--ledger", str(ledger)]
    environment = os.environ | {"PYTHONPATH": str(Path(nextword.__file__).parents[1])}
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert ended.returncode == 0, ended.stderr
    plain, learned, *counted = (json.loads(line) for line in ledger.read_text(encoding="utf-8").splitlines())
    found = nextword.load("austen").keystrokes(TEXT)
    assert plain["savings_3"] == round(found.plain.savings(3), 4)
    assert learned["savings_3"] == round(found.learned.savings(3), 4)
    assert (plain["model"], plain["learned_words"], learned["learned_words"]) == ("LSTM", False, True)
    assert plain["command"] == "nextword evaluate austen letter.txt --keystrokes"
    assert [each["model"] for each in counted] in ([], ["Kneser-Ney 5"] * 2)  # the sample text may be missing

    failed = subprocess.run([*command, "--unit", "line"], capture_output=True, text=True, check=False, env=environment)
    assert failed.returncode == 2
    assert "`--unit` needs `--significance`" in failed.stderr
    assert "must succeed, but ended with 2" in failed.stderr
    assert len(ledger.read_text(encoding="utf-8").splitlines()) == 2 + len(counted)
