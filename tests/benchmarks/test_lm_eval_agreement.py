"""`benchmarks/lm_eval_agreement.py`, with a real `lm_eval` if there is one."""

from pathlib import Path

import pytest

from harness.interpreters import interpreter_with
from harness.lm_eval import Documents
from harness.process import PeerError
from support.benchmark_runs import benchmark

TEXT = "She was very much obliged to him, and said so as often as there was time for it in the day.\n\n"


@pytest.mark.slow
def test_lm_eval_agrees_with_nextword(tmp_path: Path) -> None:
    try:
        interpreter_with("lm_eval")
    except PeerError as error:
        pytest.skip(str(error))
    path = tmp_path / "text.txt"
    path.write_text(TEXT + TEXT.swapcase() + "Mr. Knightley was not.\n", encoding="utf-8")
    done = benchmark("lm_eval_agreement", "austen", path, "--split", "all")
    assert done.code == 0, done.output + done.errors
    (summary,) = done.lines("summary")
    assert summary["agrees"] is True
    assert summary["accuracy"] == summary["nextword_accuracy"]
    tasks = {line["task"]: line for line in done.lines("task")}
    assert {task: line["documents"] for task, line in tasks.items()} == {
        "nextword_whole": 1,
        "nextword_lines": 3,
        "nextword_choices": 2 * 4,
    }
    assert all(line["largest_difference"] <= 1e-3 and line["lm_eval"] < -10 for line in tasks.values())


def test_documents_are_the_whole_text_its_lines_and_continuations() -> None:
    lines = [" ".join(f"{letter}{number}" for number in range(20)) for letter in "abcde"]
    documents = Documents.of("\n".join([*lines, "", "short"]), "line", limit=4)
    assert documents.whole.endswith("short\n")
    assert documents.lines == [f"{line}\n" for line in lines[:4]]
    for number, choice in enumerate(documents.choices):
        assert choice["context"] == " ".join(lines[number].split()[:8])
        assert choice["choices"][choice["right"]] == " ".join(lines[number].split()[8:16])
        assert len(set(choice["choices"])) == 4
