"""`benchmarks/results.py` and `keystrokes.py`: the ledgers, and the pages that are made from them."""

import json
import os
from pathlib import Path

import pytest

import nextword
from support.benchmark_runs import benchmark, make

PAGES = ("results.md", "results-history.md")
TERMS = {"corpus": "ptb", "corpus_sha256": "", "minutes": 10.0, "seed": 0, "recipe": {}}
CONTEST = {
    "kind": "result",
    "peer": "other",
    "terms": TERMS,
    "commit": "0123456789ab-dirty",
    "processor": "a processor",
    "parameters": 7,
    "epochs": 1.25,
    "perplexities": {"windows": {"valid": 200.0, "test": 190.0}},
}
TEXT = "She was very much obliged to him.\n\nMr. Kowalczyk was not. Mr. Kowalczyk said so.\n"


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """Two pages with an empty table each, and a ledger of one line."""
    (tmp_path / "images").mkdir()
    (tmp_path / "results.jsonl").write_text(json.dumps(vars(make())) + "\n", encoding="utf-8")
    for name in PAGES:
        (tmp_path / name).write_text("<!-- results: corpus=ptb -->\n<!-- end of results -->\n", encoding="utf-8")
    return tmp_path


def test_the_pages_are_rendered_and_then_up_to_date(docs: Path) -> None:
    older = benchmark("results", "--docs", docs, "--check")
    assert older.code == 2
    assert "run benchmarks/results.py" in older.errors
    (docs / "quality.json").write_text('{"kind": "origin"}\n' + json.dumps(CONTEST) + "\n", encoding="utf-8")
    for _ in range(2):
        assert benchmark("results", "--docs", docs, "--add", docs / "quality.json").code == 0
    assert (docs / "results.jsonl").read_text(encoding="utf-8").count("contest/other") == 1
    for name in PAGES:
        page = (docs / name).read_text(encoding="utf-8")
        assert "**85.00**" in page
        assert "| `contest/other` |" in page
        assert "0123456-dirty" in page
    assert (docs / "images" / "ptb-minutes.svg").stat().st_size > 0
    assert benchmark("results", "--docs", docs, "--check").code == 0


@pytest.mark.parametrize(
    ("content", "arguments", "message"),
    [
        ("{", [], "must hold lines of JSON"),
        ('{"kind": "result"}', [], "must come from benchmarks/quality.py"),
        (json.dumps(CONTEST), ["--check"], "must be used alone"),
    ],
)
def test_a_mistake_adds_nothing(docs: Path, content: str, arguments: list[str], message: str) -> None:
    ledger = (docs / "results.jsonl").read_bytes()
    (docs / "other.json").write_text(content, encoding="utf-8")
    done = benchmark("results", "--docs", docs, "--add", docs / "other.json", *arguments)
    assert done.code == 2
    assert message in done.errors
    assert (docs / "results.jsonl").read_bytes() == ledger


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
    failed = benchmark("keystrokes", *evaluated, *named, "--ledger", ledger, "--unit", "line")
    assert failed.code == 2
    assert "must succeed, but ended with 2" in failed.errors
    assert len(ledger.read_text(encoding="utf-8").splitlines()) == 2 + len(counted)
