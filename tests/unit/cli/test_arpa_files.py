"""Commands that take text read ARPA files."""

import json
from pathlib import Path

import pytest

from nextword import kenlm
from support.commands import Command
from support.toy_arpa import TOY_ARPA


@pytest.fixture
def arpa(tmp_path: Path) -> Path:
    path = tmp_path / "model.arpa"
    path.write_text(TOY_ARPA, encoding="utf-8")
    return path


def test_lines_are_scored(arpa: Path, tmp_path: Path, printed: Command) -> None:
    lines = ["the cat sat on a bird", "zebra the cat"]
    (tmp_path / "lines.txt").write_text("\n".join(lines), encoding="utf-8")
    found = [json.loads(line) for line in printed("score", arpa, tmp_path / "lines.txt", "--json").splitlines()]
    model = kenlm.Model(str(arpa))
    assert [table["log10_prob"] for table in found] == pytest.approx([model.score(line) for line in lines], abs=1e-5)
    assert [table["num_out_of_vocabulary"] for table in found] == [0, 1]


def test_hypotheses_are_rescored(arpa: Path, tmp_path: Path, printed: Command) -> None:
    (tmp_path / "n.tsv").write_text("u1\tthe sat cat\t-1\nu1\tthe cat sat\t-1.5\n", encoding="utf-8")
    assert printed("rescore", arpa, tmp_path / "n.tsv", "--model-weight", "1", "--best") == "u1\tthe cat sat\n"


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
    arpa: Path, arguments: tuple[str, ...], expected: str, printed: Command
) -> None:
    assert printed(arguments[0], arpa, *arguments[1:]).strip().endswith(expected)


def test_other_commands_say_which_do(arpa: Path, mistake: Command) -> None:
    assert "`score`, `rank`, `surprise`, `rescore`, `suggest` and `generate` read ARPA files" in mistake(
        "evaluate", arpa
    )
