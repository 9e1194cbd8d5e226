"""A subword model from the text to the suggestions."""

import json
import random
from pathlib import Path

import pytest

from support.command_line import CommandLine

STEMS = ("walk", "talk", "jump", "call", "kick", "look")
ENDINGS = ("ed", "ing", "s", "er")


@pytest.mark.slow
def test_a_word_outside_the_training_text_is_completed(command_line: CommandLine, tmp_path: Path) -> None:
    chosen = random.Random(0)
    words = [stem + ending for stem in STEMS for ending in ENDINGS if stem + ending != "looking"]
    lines = [" ".join(["They", *chosen.choices(words, k=8)]) + ".\n" for _ in range(400)]
    text = tmp_path / "text.txt"
    text.write_text("".join(lines), encoding="utf-8")
    run = tmp_path / "run"
    settings = ("--tokenizer", "subword", "--maximum-vocabulary", "60", "--start", "counts")
    sizes = ("--embedding-size", "16", "--hidden-sizes", "16,16", "--batch-size", "8", "--num-steps", "10")
    process = command_line.start("train", text, "--run", run, "--epochs", "4", *settings, *sizes, "-v")
    output, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    assert "test: 0 tokens out of vocabulary" in output
    config = json.loads((run / "model" / "config.json").read_text(encoding="utf-8"))
    assert config["tokenizer"]["kind"] == "subword"
    process = command_line.start("suggest", run, "They looki", "--complete", "--json")
    output, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    assert json.loads(output)["suggestions"][0]["text"] == "looking"
