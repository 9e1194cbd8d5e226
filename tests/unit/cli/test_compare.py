from pathlib import Path

from support.commands import Command, Json


def test_json_has_a_row_for_each_word(trained_run: Path, json_of: Json) -> None:
    table = json_of("compare", trained_run, "--split", "train", "--max-tokens", "3")
    assert [row["position"] for row in table["words"]] == [0, 1, 2]
    assert all(row["rank"] >= 1 and row["surprisal_bits"] >= 0 and len(row["top"]) == 5 for row in table["words"])


def test_compare_shows_the_words_of_the_tutorial(trained_run: Path, printed: Command) -> None:
    lines = printed("compare", trained_run, "--split", "train", "--skip", "70", "--max-tokens", "10").splitlines()
    assert [line.split()[0] for line in lines[1:11]] == [str(position) for position in range(70, 80)]
    assert lines[-1].endswith("of 10 predicted correctly")


def test_compare_takes_what_a_short_text_has(tmp_path: Path, printed: Command) -> None:
    (tmp_path / "short.txt").write_text("She was", encoding="utf-8")
    assert printed("compare", "austen", tmp_path / "short.txt").endswith("of 3 predicted correctly\n")
