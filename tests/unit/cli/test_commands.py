import json
import shutil
from pathlib import Path

from support.commands import Captured, Command, Json, nextword


def test_training_leaves_a_run_that_can_be_read(trained_run: Path) -> None:
    names = {path.name for path in trained_run.iterdir()}
    assert {"config.toml", "checkpoints", "log.jsonl", "log.csv", "curves.svg", "model"} <= names
    assert "nextword train" in (trained_run / "config.toml").read_text(encoding="utf-8")
    assert "| test |" in (trained_run / "model" / "README.md").read_text(encoding="utf-8")


def test_evaluate_counts_every_token(trained_run: Path, small_text: Path, json_of: Json) -> None:
    (table,) = json_of("evaluate", trained_run, small_text, "--split", "all")["evaluations"]
    lines = small_text.read_text(encoding="utf-8").splitlines()
    assert table["num_tokens"] == sum(len(line.split()) + 1 for line in lines)
    assert 1 < table["perplexity"] < 3


def test_the_bundle_alone_evaluates_like_the_run(
    trained_run: Path, small_text: Path, capsys: Captured, mistake: Command, json_of: Json
) -> None:
    of_run = json_of("evaluate", trained_run, "--split", "test")["evaluations"][0]
    assert nextword("evaluate", trained_run / "model", small_text, "--split", "test", "--json") == 0
    assert json.loads(capsys.readouterr().out)["evaluations"][0]["log_prob"] == of_run["log_prob"]
    assert "TEXT must be given" in mistake("evaluate", trained_run / "model")


def test_compare_shows_the_words_of_the_tutorial(trained_run: Path, printed: Command) -> None:
    lines = printed("compare", trained_run, "--split", "train", "--skip", "70", "--max-tokens", "10").splitlines()
    assert [line.split()[0] for line in lines[1:11]] == [str(position) for position in range(70, 80)]
    assert lines[-1].endswith("of 10 predicted correctly")


def test_compare_takes_what_a_short_text_has(tmp_path: Path, printed: Command) -> None:
    (tmp_path / "short.txt").write_text("She was", encoding="utf-8")
    assert printed("compare", "austen", tmp_path / "short.txt").endswith("of 3 predicted correctly\n")


def test_a_run_can_be_ended_early(small_text: Path, tmp_path: Path, mistake: Command) -> None:
    run = tmp_path / "run"
    sizes = ["--hidden-sizes", "8", "--embedding-size", "8", "--compute-dtype", "float32", "--batch-size", "8"]
    assert nextword("train", small_text, "--run", run, "--epochs", "2", *sizes) == 0
    model = (run / "model" / "weights.safetensors").read_bytes()
    shutil.rmtree(run / "model")
    assert "has no model yet" in mistake("evaluate", run)
    assert nextword("train", "--finish", run) == 0
    assert (run / "model" / "weights.safetensors").read_bytes() == model
