import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nextword.inference.suggestion.session import SuggestionSession
from nextword.inference.suggestion.user_words import UserWords
from support.commands import Captured, Command, nextword


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """Puts bytes on standard input."""

    def put(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))

    return put


def texts(line: str) -> list[str]:
    return [suggestion["text"] for suggestion in json.loads(line)["suggestions"]]


def test_a_space_at_the_end_makes_no_difference_to_the_next_word(trained_run: Path, printed: Command) -> None:
    answers = [printed("suggest", trained_run, f"the cat sat on the{end}", "-k", "2") for end in ("", " ")]
    assert answers[0] == answers[1]
    assert answers[0].splitlines()[0].split()[-1] == "mat"


def test_a_word_is_completed_where_that_is_asked_for(trained_run: Path, capsys: Captured, printed: Command) -> None:
    assert printed("suggest", trained_run, "The cat sat on the M", "--complete") == "100.00%  Mat\n"
    assert texts(printed("suggest", trained_run, "the cat sat on the ", "--complete", "-k", "1", "--json")) == ["mat"]
    assert nextword("suggest", trained_run, "the cat sat on the M", "--complete", "--no-restore-case", "--json") == 0
    assert texts(capsys.readouterr().out) == ["mat"]


def test_no_completion_is_said(trained_run: Path, capsys: Captured, printed: Command) -> None:
    assert nextword("suggest", trained_run, "the zzz", "--complete") == 0
    assert capsys.readouterr() == ("", "no suggestions\n")
    assert texts(printed("suggest", trained_run, "the zzz", "--complete", "--json")) == []


@pytest.mark.parametrize("writable", [True, False])
def test_onnxruntime_sends_no_telemetry(writable: bool, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir() if writable else home.touch()
    environment = {**os.environ, "HOME": str(home)}
    environment.pop("XDG_CACHE_HOME", None)
    command = [sys.executable, "-m", "nextword", "suggest", "austen", "I am"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
    assert done.stderr == ""
    assert not writable or not list(home.iterdir())


def test_lines_are_answered_one_by_one(trained_run: Path, typed: Callable[[bytes], None], printed: Command) -> None:
    typed(b"the c\nthe cat s\r\nthe cat \nx\n\nthe cat sat on the")
    lines = printed("suggest", trained_run, "--interactive", "-k", "2", "--json").splitlines()
    assert [json.loads(line)["text"] for line in lines] == [
        *("the c", "the cat s", "the cat ", "x", "", "the cat sat on the")
    ]
    assert [texts(line)[:1] for line in lines] == [["cat"], ["sat"], ["sat"], [], texts(lines[4])[:1], ["the"]]
    assert len(texts(lines[4])) == 2
    typed(b"the cat s\nx\n")
    first, second = printed("suggest", trained_run, "--interactive").splitlines()
    assert first.startswith("sat ")
    assert first.split("  ")[0].endswith("%")
    assert second == ""


def test_words_of_ones_own_are_kept(
    trained_run: Path, capsys: Captured, tmp_path: Path, typed: Callable[[bytes], None], printed: Command
) -> None:
    words = tmp_path / "words.json"
    typed("the cat Zoë sat\n\nthe Zoë \nthe Tolu".encode())
    assert nextword("suggest", trained_run, "--interactive", "--user-words", words) == 0
    table = json.loads(words.read_text(encoding="utf-8"))
    # `Zoë` is in the finished text; the fourth line removes the one of the third.
    assert table["words"] == [{"word": "Zoë", "count": 1}]
    capsys.readouterr()
    assert texts(printed("suggest", trained_run, "a z", "--complete", "--user-words", words, "--json")) == ["Zoë"]


def test_words_that_change_meanwhile_are_kept_too(
    trained_run: Path, tmp_path: Path, typed: Callable[[bytes], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    words, finish = tmp_path / "words.json", SuggestionSession.finish

    def beside(session: SuggestionSession) -> None:
        other = UserWords()
        other.learn("Ada")
        other.save(words)
        finish(session)

    monkeypatch.setattr(SuggestionSession, "finish", beside)
    typed(b"the Tolu \n")
    assert nextword("suggest", trained_run, "--interactive", "--user-words", words) == 0
    assert {each["word"] for each in json.loads(words.read_text(encoding="utf-8"))["words"]} == {"Ada", "Tolu"}


def test_what_was_learned_is_kept_when_input_is_refused(
    trained_run: Path, capsys: Captured, tmp_path: Path, typed: Callable[[bytes], None], mistake: Command
) -> None:
    words = tmp_path / "words.json"
    typed(b"the Tolu ")
    assert nextword("suggest", trained_run, "--interactive", "--user-words", words) == 0
    typed(b"the Ada \n\xff\n")
    assert "UTF-8" in mistake("suggest", trained_run, "--interactive", "--user-words", words)
    # The line before the one that is refused was read and answered, and the refusal is its end.
    assert json.loads(words.read_text(encoding="utf-8"))["words"] == [
        {"word": "Tolu", "count": 1},
        {"word": "Ada", "count": 1},
    ]
    typed(b"the cat \n\xff\n")
    assert nextword("suggest", trained_run, "--interactive", "--on-bad-bytes", "replace", "--json") == 0
    assert [json.loads(line)["text"] for line in capsys.readouterr().out.splitlines()] == ["the cat ", "\ufffd"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["the", "--complete", "--interactive"], "`--complete` must be left out with `--interactive`"),
        (["the", "--interactive"], "TEXT must be left out with `--interactive`, but is 'the'"),
        (["the", "--beam-width", "3"], "`--beam-width` needs `--complete` or `--interactive`"),
        (["the", "--complete", "--beam-width", "0"], "`beam_width` must be at least 1, but is 0"),
        (["the", "--complete", "--user-words", "none.json"], "`none.json` cannot be read"),
        (["the", "-k", "0"], "must be at least 1, but is 0"),
    ],
)
def test_mistakes_are_named(arguments: list[str], message: str, trained_run: Path, capsys: Captured) -> None:
    assert nextword("suggest", trained_run, *arguments) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.out == ""
