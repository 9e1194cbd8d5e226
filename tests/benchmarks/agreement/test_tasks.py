import json
from pathlib import Path

from harness.agreement.tasks import CHOICES, LINES, WHOLE, Documents

TEXT = "\n\n".join(
    " ".join(f"{letter}{number}\n" if number == 3 else f"{letter}{number}" for number in range(18))
    for letter in "abcde"
)
SHORT = "It is\na truth.\n\n"


def test_paragraphs_are_documents_with_their_ends() -> None:
    documents = Documents.of(SHORT + TEXT, "paragraph", 3)
    assert documents.lines[0] == "It is a truth.\n\n"
    assert len(documents.lines) == 3
    assert documents.whole == SHORT + TEXT + "\n\n"


def test_lines_are_documents_of_other_models() -> None:
    assert Documents.of("a b\n\nc\n", "line", 9).lines == ["a b\n", "c\n"]


def test_the_right_continuation_stands_among_those_of_other_paragraphs() -> None:
    choices = Documents.of(SHORT + TEXT, "paragraph", 9).choices
    assert len(choices) == 5  # the short one has no continuation
    assert [choice.right for choice in choices] == [0, 1, 2, 3, 0]
    for choice, letter in zip(choices, "abcde", strict=True):
        assert choice.context.split() == [f"{letter}{number}" for number in range(8)]
        assert choice.choices[choice.right].split() == [f"{letter}{number}" for number in range(8, 16)]
        assert len({words[0] for words in choice.choices}) == 4


def test_each_task_is_a_file_beside_its_documents(tmp_path: Path) -> None:
    documents = Documents.of(SHORT + TEXT, "paragraph", 2)
    documents.write(tmp_path)
    for name in (WHOLE, LINES, CHOICES):
        assert f'test: "{tmp_path / name}.jsonl"' in (tmp_path / f"{name}.yaml").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in (tmp_path / f"{LINES}.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["text"] for row in rows] == documents.lines
    row = json.loads((tmp_path / f"{CHOICES}.jsonl").read_text(encoding="utf-8").splitlines()[0])
    assert row == documents.choices[0].to_table()
