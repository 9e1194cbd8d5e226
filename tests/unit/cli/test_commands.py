import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., int]
Captured = pytest.CaptureFixture[str]


def test_training_leaves_a_run_that_can_be_read(trained_run: Path) -> None:
    names = {path.name for path in trained_run.iterdir()}
    assert {"config.toml", "checkpoints", "log.jsonl", "log.csv", "curves.svg", "model"} <= names
    assert "nextword train" in (trained_run / "config.toml").read_text(encoding="utf-8")
    assert "| test |" in (trained_run / "model" / "README.md").read_text(encoding="utf-8")


def test_a_run_is_not_overwritten(trained_run: Path, small_text: Path, nextword: Run, capsys: Captured) -> None:
    before = (trained_run / "config.toml").read_bytes()
    assert nextword("train", small_text, "--run", trained_run) == 2
    errors = capsys.readouterr().err
    assert "holds a finished run" in errors
    assert f"such as `--run {trained_run}-2`" in errors
    assert (trained_run / "config.toml").read_bytes() == before


def test_evaluate_counts_every_token(trained_run: Path, small_text: Path, nextword: Run, capsys: Captured) -> None:
    assert nextword("evaluate", trained_run, small_text, "--split", "all", "--json") == 0
    (table,) = json.loads(capsys.readouterr().out)["evaluations"]
    lines = small_text.read_text(encoding="utf-8").splitlines()
    assert table["num_tokens"] == sum(len(line.split()) + 1 for line in lines)
    assert 1 < table["perplexity"] < 3


def test_evaluate_agrees_with_itself_whatever_the_batch(trained_run: Path, nextword: Run, capsys: Captured) -> None:
    perplexities = []
    for batch_size in ("1", "4"):
        assert nextword("evaluate", trained_run, "--split", "train", "--batch-size", batch_size, "--json") == 0
        perplexities.append(json.loads(capsys.readouterr().out)["evaluations"][0]["perplexity"])
    assert perplexities[0] == pytest.approx(perplexities[1], rel=1e-4)


def test_the_bundle_alone_evaluates_like_the_run(
    trained_run: Path, small_text: Path, nextword: Run, capsys: Captured
) -> None:
    assert nextword("evaluate", trained_run, "--split", "test", "--json") == 0
    of_run = json.loads(capsys.readouterr().out)["evaluations"][0]
    assert nextword("evaluate", trained_run / "model", small_text, "--split", "test", "--json") == 0
    assert json.loads(capsys.readouterr().out)["evaluations"][0]["log_prob"] == of_run["log_prob"]
    assert nextword("evaluate", trained_run / "model") == 2
    assert "TEXT must be given" in capsys.readouterr().err


def test_compare_shows_the_words_of_the_tutorial(trained_run: Path, nextword: Run, capsys: Captured) -> None:
    assert nextword("compare", trained_run, "--split", "train", "--skip", "70", "--max-tokens", "10") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:11]] == [str(position) for position in range(70, 80)]
    assert lines[-1].endswith("of 10 predicted correctly")


def test_compare_writes_a_page(trained_run: Path, nextword: Run, capsys: Captured, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert nextword("compare", trained_run, "--split", "train", "--output", page, "--page-tokens", "50") == 0
    assert page.read_bytes().startswith(b"<!DOCTYPE html>\n<!-- nextword page 1 -->")


def test_suggest_knows_what_the_text_says(trained_run: Path, nextword: Run, capsys: Captured) -> None:
    assert nextword("suggest", trained_run, "the cat sat on the", "-k", "3", "--json") == 0
    suggestions = json.loads(capsys.readouterr().out)["suggestions"]
    assert suggestions[0]["text"] == "mat"
    assert len(suggestions) == 3
    assert nextword("suggest", trained_run, "the cat sat on the ") == 0
    assert capsys.readouterr().out.splitlines()[0].endswith("mat")


def test_generate_is_reproducible_and_continues_the_prompt(trained_run: Path, nextword: Run, capsys: Captured) -> None:
    texts = []
    for seed in ("1", "1", "2"):
        assert nextword("generate", trained_run, "--prompt", "the dog", "--temperature", "3", "--seed", seed) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0].startswith("the dog ")
    assert texts[0] == texts[1] != texts[2]
    assert "<unk>" not in texts[0]


def test_greedy_generation_writes_the_text(trained_run: Path, nextword: Run, capsys: Captured) -> None:
    assert nextword("generate", trained_run, "--prompt", "it was", "--temperature", "0", "--stop-at-end") == 0
    assert capsys.readouterr().out == "it was a good day .\n"


def test_an_unfinished_run_says_how_to_resume(nextword: Run, capsys: Captured, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("", encoding="utf-8")
    assert nextword("evaluate", tmp_path) == 2
    assert f"nextword train --resume {tmp_path}" in capsys.readouterr().err


def test_a_run_can_be_ended_early(small_text: Path, nextword: Run, capsys: Captured, tmp_path: Path) -> None:
    run = tmp_path / "run"
    sizes = ["--hidden-sizes", "8", "--embedding-size", "8", "--compute-dtype", "float32", "--batch-size", "8"]
    assert nextword("train", small_text, "--run", run, "--epochs", "2", *sizes) == 0
    model = (run / "model" / "weights.safetensors").read_bytes()
    shutil.rmtree(run / "model")
    assert nextword("evaluate", run) == 2
    assert "has no model yet" in capsys.readouterr().err
    assert nextword("train", "--finish", run) == 0
    assert (run / "model" / "weights.safetensors").read_bytes() == model
