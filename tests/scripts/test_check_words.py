import subprocess
import sys
from pathlib import Path

from check_words import read_limits, too_frequent

SCRIPT = Path(__file__).parents[2] / "scripts" / "check_words.py"


def check(path: Path) -> tuple[int, str]:
    done = subprocess.run([sys.executable, SCRIPT, path], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_words_are_found_in_text_in_names_and_over_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "bad.py"
    path.write_text(
        "# Train it anew.\nclass RunSurroundings:\n    laid_under = 1  # it is a\n    # matter of taste\n", "utf-8"
    )
    code, output = check(path)
    assert code == 1
    assert output.splitlines() == [
        "bad.py:1: anew -> again",
        "bad.py:3: laid_under -> is overridden by",
        "bad.py:2: Surroundings -> context, environment",
        "bad.py:3: a # matter of -> name the thing: depends on, belongs to",
    ]


def test_plain_words_pass(tmp_path: Path) -> None:
    path = tmp_path / "good.md"
    path.write_text("Train again. Bearings, mentions and a recommended renewal are no words of the list.\n", "utf-8")
    assert check(path)[0] == 0


def test_the_environments_of_peers_are_skipped(tmp_path: Path) -> None:
    program = tmp_path / "environments" / "pytorch" / "bin" / "python"
    program.parent.mkdir(parents=True)
    program.write_bytes(b"\x7fELF\x94")
    assert check(tmp_path)[0] == 0


def test_a_pattern_may_be_in_the_prose_only_so_often(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text("The cost is that of one.\n```\nthat of code\n```\n", "utf-8")
    (tmp_path / "docs" / "guide.md").write_text("Those\nof two.\n", "utf-8")
    (tmp_path / "docs" / "lab-log.md").write_text("Those of a record.\n", "utf-8")
    limits = {"(that|those) of = repeat the noun": 1}
    (line,) = too_frequent(tmp_path, limits)
    assert line == "2 times, at most 1: (that|those) of = repeat the noun (README.md 1, guide.md 1)"
    assert list(too_frequent(tmp_path, dict.fromkeys(limits, 2))) == []
    assert read_limits()["(that|those) of = repeat the noun, or drop it"] == 15
