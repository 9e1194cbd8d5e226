import csv
import gzip
import io
import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest

from nextword.engine.engine import TokenScores
from support.commands import Bundle, Captured, Command, nextword
from support.tiny_bundle import write_tiny_bundle

LINES = ("the cat sat .", "the dog sat .", "", "cat")


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    path = tmp_path / "lines.txt"
    path.write_text("\n".join(LINES) + "\n", encoding="utf-8")
    return path


def table_of(output: str) -> list[dict[str, str]]:
    names, *rows = (line.split("\t") for line in output.splitlines())
    return [dict(zip(names, row, strict=True)) for row in rows]


def test_a_row_for_each_line(small_bundle: Bundle, lines: Path, capsys: Captured) -> None:
    assert nextword("score", small_bundle(), lines) == 0
    captured = capsys.readouterr()
    rows = table_of(captured.out)
    assert [row["line"] for row in rows] == ["1", "2", "3", "4"]
    assert [row["tokens"] for row in rows] == ["5", "5", "1", "2"]
    assert [row["oov"] for row in rows] == ["0", "1", "0", "0"]
    for row in rows:
        assert float(row["log10_prob"]) == pytest.approx(float(row["log_prob"]) / math.log(10), abs=1e-5)
        perplexity = math.exp(-float(row["log_prob"]) / int(row["tokens"]))
        assert float(row["perplexity"]) == pytest.approx(perplexity, rel=1e-4)
    assert "tokens                  13" in captured.err
    assert "perplexity without OOV" in captured.err


def test_many_unknown_words_are_warned_of(
    small_bundle: Bundle, lines: Path, capsys: Captured, printed: Command
) -> None:
    bundle = small_bundle()
    assert nextword("score", bundle, lines) == 0
    expected, told = capsys.readouterr()
    assert "warning" not in told
    lines.write_text(lines.read_text(encoding="utf-8").upper(), encoding="utf-8")
    assert printed("score", bundle, lines, "--lowercase") == expected
    assert nextword("score", bundle, lines) == 0
    told = capsys.readouterr().err
    assert "warning: 54% of the tokens are not in the vocabulary of the model, so the scores say little" in told
    assert "give `--lowercase` if they have capitals, or train on text that is written as these lines are" in told


def test_a_row_for_each_token(model: Path, lines: Path, printed: Command) -> None:
    tokens = table_of(printed("score", model, lines, "--tokens"))
    assert [token["token"] for token in tokens if token["line"] == "2"] == ["the", "dog", "sat", ".", "<eos>"]
    assert [token["oov"] for token in tokens if token["line"] == "2"] == ["0", "1", "0", "0", "0"]
    assert [token["rank"] == "" for token in tokens] == [token["oov"] == "1" for token in tokens]
    for row in table_of(printed("score", model, lines)):
        of_line = [float(token["log_prob"]) for token in tokens if token["line"] == row["line"]]
        assert sum(of_line) == pytest.approx(float(row["log_prob"]), abs=1e-4)


def test_json_holds_the_text_and_the_tokens(small_bundle: Bundle, lines: Path, printed: Command) -> None:
    tables = [json.loads(line) for line in printed("score", small_bundle(), lines, "--json", "--tokens").splitlines()]
    assert [table["text"] for table in tables] == list(LINES)
    assert [token["token"] for token in tables[3]["tokens"]] == ["cat", "<eos>"]
    for table in tables:
        assert sum(token["log_prob"] for token in table["tokens"]) == pytest.approx(table["log_prob"])
        assert [token["position"] for token in table["tokens"]] == list(range(1, table["num_tokens"] + 1))
        assert [token["rank"] is None for token in table["tokens"]] == [
            token["out_of_vocabulary"] for token in table["tokens"]
        ]


def test_the_worst_lines_come_first_with_their_words_marked(model: Path, lines: Path, capsys: Captured) -> None:
    assert nextword("score", model, lines, "--worst", "2") == 0
    captured = capsys.readouterr()
    rows = table_of(captured.out)
    assert float(rows[0]["perplexity"]) > float(rows[1]["perplexity"])
    assert "[dog* " in next(row["text"] for row in rows if row["line"] == "2")
    assert "lines                   4" in captured.err  # the totals are those of all lines
    assert nextword("score", model, lines, "--worst", "1", "--json", "--tokens") == 0
    (table,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (str(table["line"]), len(table["tokens"])) == (rows[0]["line"], table["num_tokens"])


def test_words_are_written_as_csv(model: Path, lines: Path, printed: Command, mistake: Command) -> None:
    lines.write_text('the cat sat .\n\nthe "dog, .\n', encoding="utf-8")
    output = lines.with_name("words.csv")
    assert printed("score", model, lines, "--words", "--output", output) == ""
    with output.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["item"], row["word_number"], row["word"]) for row in rows] == [
        *(("1", "1", "the"), ("1", "2", "cat"), ("1", "3", "sat"), ("1", "4", ".")),
        *(("3", "1", "the"), ("3", "2", '"dog,'), ("3", "3", ".")),
    ]
    assert [row["unknown"] for row in rows] == ["0", "0", "0", "0", "0", "1", "0"]
    assert [row["log10_frequency"] == "" for row in rows] == [row["unknown"] == "1" for row in rows]
    assert all(float(row["surprisal"]) > 0 for row in rows)
    assert "`--words` does not go with `--tokens`" in mistake("score", model, lines, "--words", "--tokens")


def test_what_is_impossible_is_infinite_in_columns_and_null_in_json(
    model: Path, lines: Path, monkeypatch: pytest.MonkeyPatch, printed: Command
) -> None:
    monkeypatch.setattr(
        "nextword.engine.distribution_engine.token_scores",
        lambda _log_probs, targets, **_options: TokenScores(
            np.full(targets.shape, -np.inf, np.float32), np.ones(targets.shape, int)
        ),
    )
    for options in ([], ["--tokens"]):
        assert {row["log_prob"] for row in table_of(printed("score", model, lines, *options))} == {"-inf"}
    table = json.loads(printed("score", model, lines, "--tokens", "--json").splitlines()[0])
    assert table["log_prob"] is table["perplexity"] is table["tokens"][0]["log_prob"] is None


def test_standard_input_and_gzip(model: Path, lines: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = lines.with_suffix(".gz")
    packed.write_bytes(gzip.compress(lines.read_bytes()))
    outputs = []
    for arguments in ([lines], [packed], [], ["-"]):
        for data in (lines.read_bytes(), packed.read_bytes()):
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
            assert nextword("score", model, *arguments) == 0
            outputs.append(capsys.readouterr())
    assert len(set(outputs)) == 1


def test_several_files_are_named(model: Path, lines: Path, printed: Command) -> None:
    rows = table_of(printed("score", model, lines, lines))
    assert [(row["file"], row["line"]) for row in rows] == [(str(lines), str(line)) for line in (1, 2, 3, 4)] * 2
    tables = [json.loads(line) for line in printed("score", model, lines, lines, "--json").splitlines()]
    assert [(table["file"], table["line"]) for table in tables[4:]] == [(str(lines), line) for line in (1, 2, 3, 4)]


def test_a_closed_output_loses_no_summary(
    small_bundle: Bundle, lines: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = lines.with_name("summary.json")
    monkeypatch.setattr(sys, "stdout", None)  # as after `>&-`
    assert nextword("score", small_bundle(), lines, "--summary-output", summary) == 0
    assert json.loads(summary.read_text(encoding="utf-8"))["num_tokens"]


def test_the_summary_can_go_to_a_file(small_bundle: Bundle, lines: Path, capsys: Captured) -> None:
    summary = lines.with_name("summary.json")
    assert nextword("score", small_bundle(), lines, "--summary-output", summary) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    table = json.loads(summary.read_text(encoding="utf-8"))
    assert (table["num_lines"], table["num_tokens"], table["num_out_of_vocabulary"]) == (4, 13, 1)
    total = sum(float(row["log_prob"]) for row in table_of(captured.out))
    assert table["log_prob"] == pytest.approx(total, abs=1e-4)


def test_of_no_lines_there_is_no_perplexity(small_bundle: Bundle, tmp_path: Path, capsys: Captured) -> None:
    empty = tmp_path / "empty.txt"
    empty.write_bytes(b"")
    assert nextword("score", small_bundle(), empty) == 0
    captured = capsys.readouterr()
    assert table_of(captured.out) == []
    assert "undefined (no tokens)" in captured.err


def test_bad_bytes_are_named_after_the_lines_before_them(
    model: Path, tmp_path: Path, capsys: Captured, printed: Command
) -> None:
    bad = tmp_path / "bad.txt"
    bad.write_bytes(b"the cat\n" * 20_000 + b"the \xff\n")
    assert nextword("score", model, bad, "--no-header") == 2
    captured = capsys.readouterr()
    assert f"error: `{bad}`, line 20001, byte 160004: text must be UTF-8" in captured.err
    assert "--on-bad-bytes replace" in captured.err
    assert captured.out.count("\n") >= 10_000
    bad.write_bytes(b"the \xff\n")
    assert table_of(printed("score", model, bad, "--on-bad-bytes", "replace"))[0]["oov"] == "1"


def test_a_terminal_follows_no_token(model: Path, tmp_path: Path, printed: Command) -> None:
    path = tmp_path / "lines.txt"
    path.write_text("the\x1b[2J\x07 cat\u202e\n", encoding="utf-8")
    for options in (["--tokens"], ["--tokens", "--json"], ["--json"]):
        assert not set(printed("score", model, path, *options)) & {"\x1b", "\x07", "\u202e"}


def test_mistakes_exit_with_two(model: Path, tmp_path: Path, capsys: Captured, mistake: Command) -> None:
    assert "must be a file that can be read" in mistake("score", model, tmp_path / "nothing.txt")
    assert nextword("score", model, model / "README.md", "--read-ahead", "0") == 2
    assert "`read_ahead` must be at least 1, but is 0" in capsys.readouterr().err


def test_the_totals_say_how_a_model_with_a_mixture_is_used(lines: Path, tmp_path: Path, capsys: Captured) -> None:
    summary = lines.with_name("summary.json")
    mixed, before = write_tiny_bundle(tmp_path / "mixed", mixes=True), write_tiny_bundle(tmp_path / "before")
    for model, method, expected in (
        (mixed, "mixture", "as used: n-grams 0.3, cache of 5 tokens"),
        (mixed, "static", "static: the network alone"),
        (before, "mixture", None),
    ):
        capsys.readouterr()
        assert nextword("score", model, lines, "--method", method) == 0
        assert (capsys.readouterr().err.splitlines()[-1] == f"({expected})") is (expected is not None)
        assert nextword("score", model, lines, "--method", method, "--summary-output", summary) == 0
        assert json.loads(summary.read_text(encoding="utf-8"))["protocol"] == expected
