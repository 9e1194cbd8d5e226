"""The sample model that ships with nextword: small, run by onnxruntime only, and as good as its card says."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nextword.bundle.origin import sample_model_path
from nextword.bundle.store import read_bundle
from nextword.model.presets import DEFAULT_PRESET
from nextword.settings import read_tables
from nextword.training.config import RunConfig, recorded_preset

ROOT = Path(__file__).parents[2]
TIMEOUT = 240
MAX_BYTES = 6_000_000

WITHOUT_FRAMEWORKS = """
import sys
sys.modules.update(dict.fromkeys(["keras", "jax", "onnx", "scipy"]))
from nextword.cli.main import main
main(sys.argv[1:])
"""

Run = Callable[..., str]


@pytest.fixture
def nextword(tmp_path: Path) -> Run:
    """Runs a command in a folder of its own, without any training framework, and returns what it printed."""

    def run(*arguments: str) -> str:
        command = [sys.executable, "-c", WITHOUT_FRAMEWORKS, *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=TIMEOUT, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def figures() -> dict[str, dict[str, float]]:
    """Return the perplexities on the card, by split and precision."""
    card = read_bundle(sample_model_path("austen")).card
    rows = re.findall(r"^\| (valid|test) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \| ([\d,]+) \|$", card, re.MULTILINE)
    names = ("float32", "int8", "as used")
    return {split: dict(zip(names, map(float, found), strict=True)) for split, *found, _ in rows}


def test_it_is_slim_and_small() -> None:
    path = sample_model_path("austen")
    assert {file.name for file in path.iterdir()} == {
        *("config.json", "vocabulary.json", "spelling.json", "model.onnx", "README.md", "MANIFEST.json"),
        *("mixture.json", "ngrams.bin"),
    }
    assert sum(file.stat().st_size for file in path.iterdir()) <= MAX_BYTES
    assert read_bundle(path).is_slim


def test_its_card_tells_how_it_was_made() -> None:
    card = read_bundle(sample_model_path("austen")).card
    assert card.startswith("# austen\n")
    for said in ("| seed | 2 |", "--config scripts/sample_model.toml", "`make sample-model` makes it again"):
        assert said in card
    assert re.search(r"made at commit `[0-9a-f]{40}`", card)
    assert "/work" not in card
    assert "/home" not in card


@pytest.mark.parametrize("split", ["valid", "test"])
def test_its_card_has_the_figures_that_evaluate_gives(nextword: Run, split: str) -> None:
    columns = json.loads(nextword("evaluate", "austen", "--split", split, "--json"))["evaluations"]
    found: dict[str, Any] = columns[0]
    expected = figures()[split]
    assert (found["model"], found["text"], found["run_by"]) == ("austen", "austen", "onnxruntime in int8")
    assert found["perplexity"] == pytest.approx(expected["int8"], rel=0.005)
    assert expected["int8"] < 1.01 * expected["float32"]
    assert columns[1]["perplexity"] == pytest.approx(expected["as used"], rel=0.005)
    assert expected["as used"] < 0.9 * expected["int8"]


def test_it_suggests_sensible_words(nextword: Run) -> None:
    suggestions = json.loads(nextword("suggest", "austen", "I am very much", "--json"))["suggestions"]
    words = {each["text"].strip() for each in suggestions}
    assert words & {"obliged", "mistaken", "afraid", "pleased", "surprised", "concerned", "interested"}


def test_the_wheel_holds_it() -> None:
    """Hatchling packs what is below `src/nextword` and not ignored by git."""
    ignored = ["git", "-C", str(ROOT), "check-ignore", *(str(file) for file in sample_model_path("austen").iterdir())]
    done = subprocess.run(ignored, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, ""), done.stderr  # 1: none is ignored


def test_its_settings_still_make_this_model() -> None:
    tables = read_tables(ROOT / "scripts" / "sample_model.toml")
    config = RunConfig.of(recorded_preset(tables) or DEFAULT_PRESET, tables)
    bundle = read_bundle(sample_model_path("austen"))
    assert config.model.build(bundle.tokenizer.vocabulary_size) == bundle.architecture
