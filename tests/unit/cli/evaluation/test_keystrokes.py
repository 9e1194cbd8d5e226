"""`nextword evaluate --keystrokes` prints what the Python interface returns."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from nextword.api.trained_model import load
from nextword.inference.evaluation.keystrokes import evaluate_keystrokes
from nextword.text.options import TextOptions
from nextword.text.reading.reader import LineReader
from nextword.text.sources.find import resolve_source
from support.commands import Captured, Command, Json, nextword

FIGURES = (
    *("num_keys", "num_words", "num_out_of_vocabulary", "num_keys_out_of_vocabulary", "slots"),
    *("next_word_top_1", "next_word_top_3", "completion_top_3"),
)


@pytest.fixture
def tables_of(json_of: Json) -> Json:
    """Evaluates and returns the JSON tables, one for each column."""

    def run(*arguments: str | Path) -> Any:
        table = json_of("evaluate", *arguments, "--keystrokes")
        assert table["missing"] == []
        return table["keystrokes"]

    return run


def figures_of(table: dict[str, Any]) -> dict[str, Any]:
    return {name: table[name] for name in FIGURES}


def test_the_command_and_python_agree(trained_run: Path, small_text: Path, tables_of: Json) -> None:
    tables = tables_of(trained_run)
    names = [(table["label"], table["learned_words"], table["run_by"]) for table in tables]
    run_by = tables[0]["run_by"]
    assert names == [
        (tables[0]["model"], False, run_by),
        (tables[0]["model"], True, run_by),
        ("Kneser-Ney", False, "NumPy"),
        ("Kneser-Ney", True, "NumPy"),
    ]
    model = load(trained_run)
    lines = list(LineReader(resolve_source(str(small_text), TextOptions()).parts["test"]))
    found = evaluate_keystrokes(model, lines)
    assert figures_of(tables[0]) == found.plain.to_table()
    assert figures_of(tables[1]) == found.learned.to_table()
    assert model.keystrokes("\n".join(lines) + "\n") == found
    assert tables[0]["num_keys"] == sum(len(line) + 1 for line in lines)
    assert tables[2]["slots"][0]["savings"] > 0.6  # four sentences, which an n-gram model knows by heart
    assert "order 5, fitted to the train split of" in tables[2]["protocol"]


def test_columns_stand_side_by_side(trained_run: Path, capsys: Captured) -> None:
    assert nextword("evaluate", trained_run, "--method", "static", "--method", "dynamic", "--keystrokes") == 0
    labels, learned, *rows = capsys.readouterr().out.splitlines()
    assert labels.split() == ["static", "static", "dynamic", "dynamic", "Kneser-Ney", "Kneser-Ney"]
    assert learned.split() == ["learned", "words", *["no", "yes"] * 3]
    assert [row.split("  ")[0] for row in rows[:2]] == ["keystrokes saved, 1 slot", ""]
    assert all(len(row.split("%")) == 7 for row in rows[:12])
    assert any(row.startswith("(this is the test split of `story.txt`") for row in rows)
    assert any(row.startswith("(each character is a key") for row in rows)
    assert any(row.startswith("(dynamic: dynamic (dynamic_segment") for row in rows)


def test_learned_words_help_with_words_outside_the_vocabulary(
    trained_run: Path, tables_of: Json, tmp_path: Path
) -> None:
    text = tmp_path / "own.txt"
    text.write_text("the cat sat on the Kowalczyk .\n" * 5, encoding="utf-8")
    plain, learned, *_ = tables_of(trained_run, text, "--split", "all")
    assert plain["num_out_of_vocabulary"] == 5
    assert learned["slots"][0]["savings"] > plain["slots"][0]["savings"] + 0.1


def test_max_tokens_limits_what_is_read(trained_run: Path, tables_of: Json) -> None:
    whole, part = tables_of(trained_run)[0], tables_of(trained_run, "--max-tokens", "16")[0]
    assert part["num_words"] < whole["num_words"]
    assert part["protocol"].endswith("; the first 16 tokens")


def test_a_model_whose_training_text_is_unknown_has_no_kneser_ney_beside_it(
    trained_run: Path, small_text: Path, tmp_path: Path, printed: Command
) -> None:
    model = tmp_path / "model"
    shutil.copytree(trained_run / "model", model)
    lines = printed("evaluate", model, small_text, "--keystrokes", "--max-tokens", "20").splitlines()
    assert lines[1].split() == ["learned", "words", "no", "yes"]
    assert lines[-1].startswith("(no column for Kneser-Ney: TEXT must be given")
