"""Commands that take text read ARPA files."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from nextword import kenlm
from support.toy_arpa import TOY_ARPA

Run = Callable[..., int]
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def arpa(tmp_path: Path) -> Path:
    path = tmp_path / "model.arpa"
    path.write_text(TOY_ARPA, encoding="utf-8")
    return path


def test_lines_are_scored(arpa: Path, tmp_path: Path, nextword: Run, capsys: Captured) -> None:
    lines = ["the cat sat on a bird", "zebra the cat"]
    (tmp_path / "lines.txt").write_text("\n".join(lines), encoding="utf-8")
    assert nextword("score", arpa, tmp_path / "lines.txt", "--json") == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    model = kenlm.Model(str(arpa))
    assert [table["log10_prob"] for table in found] == pytest.approx([model.score(line) for line in lines], abs=1e-5)
    assert [table["num_out_of_vocabulary"] for table in found] == [0, 1]


def test_hypotheses_are_rescored(arpa: Path, tmp_path: Path, nextword: Run, capsys: Captured) -> None:
    (tmp_path / "n.tsv").write_text("u1\tthe sat cat\t-1\nu1\tthe cat sat\t-1.5\n", encoding="utf-8")
    assert nextword("rescore", arpa, tmp_path / "n.tsv", "--model-weight", "1", "--best") == 0
    assert capsys.readouterr().out == "u1\tthe cat sat\n"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("suggest", "the", "-k", "1"), "cat"),
        (("suggest", "the c", "--complete"), "cat"),
        (("rank", "the ___ sat on", "dog", "cat", "-k", "1"), "cat"),
        (("generate", "the", "--decoding", "greedy", "--max-tokens", "1"), "the cat"),
    ],
)
def test_words_are_suggested_ranked_and_written(
    arpa: Path, nextword: Run, capsys: Captured, arguments: tuple[str, ...], expected: str
) -> None:
    assert nextword(arguments[0], arpa, *arguments[1:]) == 0
    assert capsys.readouterr().out.strip().endswith(expected)


def test_other_commands_say_which_do(arpa: Path, nextword: Run, capsys: Captured) -> None:
    assert nextword("evaluate", arpa) == 2
    assert "`score`, `rank`, `rescore`, `suggest` and `generate` read ARPA files" in capsys.readouterr().err
