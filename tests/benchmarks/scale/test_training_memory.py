"""Long training runs: their beginning beside their end, measured on a small one in a real process."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import large_training
from harness.scale.memory import Look, Resident
from harness.scale.training_memory import Steadiness
from harness.scale.zipf_text import ZipfText

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/status").is_file(), reason="needs /proc, which this system has not"
)


def test_the_second_quarter_is_beside_the_last() -> None:
    parts = [
        {"time": float(number), "words_per_second": 100.0 - number, "words_per_cpu_second": 50.0 - number}
        for number in range(8)
    ]
    looks = [Look(number / 4, Resident(9 * 10**6, number * 10**6)) for number in range(32)]
    found = Steadiness.of(parts, looks)
    assert found.words_per_s == (97.5, 93.5)  # the parts 2 and 3, and 6 and 7
    assert found.words_per_cpu_s == (47.5, 43.5)
    assert found.own_mb == (10.0, 26.0)  # from the end of part 2 to that of part 3: looks 8 to 12; 24 to 28
    alone = Steadiness.of(parts[:1], looks)
    assert alone.words_per_s == (100.0, 100.0)


@needs_proc
@pytest.mark.slow
def test_a_training_is_measured_and_its_text_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    arguments = "--size 1 --words 200 --maximum-vocabulary 100 --batch-size 16 --round-steps 5 --held-out 9000"
    result = CliRunner().invoke(
        large_training.large_training,
        [*arguments.split(), "--train-words", "24000", "--folder", str(tmp_path), "--json", str(path)],
    )
    assert result.exit_code == 0, result.output
    table = json.loads(path.read_text(encoding="utf-8"))
    assert table["vocabulary_size"] == 100
    assert table["entropy"] == pytest.approx(ZipfText(200).token_entropy_of(96), abs=1e-4)
    assert table["valid_loss"] > 0.95 * table["entropy"]
    for name in ("windows", "training"):
        assert min(*table[name]["words_per_s"], *table[name]["words_per_cpu_s"], *table[name]["own_mb"]) > 0
    assert sorted(each.name for each in tmp_path.iterdir()) == ["cache", "f.json", "zipf-200-1.txt"]


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(large_training.large_training, ["--json", str(tmp_path / "none" / "f.json")])
    assert result.exit_code == 2
    assert "must be in a folder that exists" in result.output
