"""Suggestions over a pipe."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

COMMAND = [sys.executable, "-m", "nextword", "suggest"]


def test_each_line_is_answered_before_the_next_is_sent(finished_run: Path, tmp_path: Path) -> None:
    words = tmp_path / "words.json"
    keyboard = subprocess.Popen(
        [*COMMAND, str(finished_run), "--interactive", "--json", "--user-words", str(words)],
        env={**os.environ, "NEXTWORD_CACHE": str(tmp_path / "cache")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert keyboard.stdin is not None
    assert keyboard.stdout is not None

    def answer(line: str) -> Any:
        assert keyboard.stdin is not None
        assert keyboard.stdout is not None
        keyboard.stdin.write(f"{line}\n")
        keyboard.stdin.flush()
        return json.loads(keyboard.stdout.readline())

    with keyboard:
        first = answer("ban do")
        assert first["text"] == "ban do"
        assert first["suggestions"]
        assert {suggestion["text"] for suggestion in first["suggestions"]} <= {"don", "dor", "dos", "dot", "dop", "dof"}
        assert len(answer("ban dor ")["suggestions"]) == 5
        assert answer("ban Quux ban qu")["suggestions"] == [{"text": "Quux", "probability": 1.0}]
        keyboard.stdin.close()
    assert keyboard.returncode == 0
    assert json.loads(words.read_text(encoding="utf-8"))["words"] == [{"word": "Quux", "count": 1}]
