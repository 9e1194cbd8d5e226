"""`nextword words`: a file of learned and forgotten words."""

import json
from pathlib import Path

import pytest

from support.commands import Captured, Command, nextword


def test_words_are_learned_forgotten_merged_and_listed(tmp_path: Path, printed: Command, trained_run: Path) -> None:
    mine, theirs = tmp_path / "mine.json", tmp_path / "theirs.json"
    printed("words", theirs, "--add", "Ada")
    printed("words", mine, "--add", "Ada", "--add", "Tolu", "--add", "Tolu", "--forget", "Mat")
    assert printed("words", mine, "--merge", theirs) == "    2  Tolu\n    1  Ada\nnever  Mat\n"
    assert json.loads(printed("words", mine, "--json")) == {"words": {"Tolu": 2, "Ada": 1}, "forgotten": ["Mat"]}
    for text in (["the cat sat on the"], ["the cat sat on the m", "--complete"]):
        assert "mat" in printed("suggest", trained_run, *text)
        assert "mat" not in printed("suggest", trained_run, *text, "--user-words", mine)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.json"], "`none.json` cannot be read (No such file or directory)"),
        (["empty.json"], "`empty.json` must be a file of user words from nextword: it must be JSON"),
        (["empty.json", "--add", "Tolu"], "`empty.json` must be a file of user words from nextword"),
        (["new.json", "--merge", "none.json"], "`none.json` cannot be read"),
        (["new.json", "--add", "new york"], "a user word must be 1 to 64 printable characters"),
        (["new.json", "--forget", "new york"], "a word to forget must be at most 64 printable characters"),
    ],
)
def test_a_mistake_is_reported_and_writes_nothing(
    arguments: list[str], message: str, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty.json").touch()
    assert nextword("words", *arguments) == 2
    assert message in capsys.readouterr().err
    assert (Path("empty.json").read_bytes(), Path("new.json").exists()) == (b"", False)
