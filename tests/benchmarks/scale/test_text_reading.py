"""The measurement itself, on a small text and a real process."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

import scale
from harness.scale.memory import PeakMemory, resident_bytes
from harness.scale.text_reading import measure_text, write_text
from harness.scale.zipf_text import ZipfText
from harness.speed.peer import PeerError

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/status").is_file(), reason="needs /proc, which this system has not"
)


@needs_proc
def test_the_memory_of_this_process_is_seen() -> None:
    before = resident_bytes(os.getpid())
    with PeakMemory(os.getpid()) as memory:
        held = bytearray(os.urandom(2**20)) * 64
        while memory.peak_bytes < before + len(held) // 2:
            pass
    assert memory.peak_bytes >= before + len(held) // 2
    assert resident_bytes(2**22 + 1) == 0  # no process has such a number


@needs_proc
def test_a_text_is_measured_in_a_process_of_its_own(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        scale.scale,
        [
            "--only",
            "text",
            "--size",
            "1",
            "--words",
            "300",
            "--processes",
            "2",
            "--folder",
            str(tmp_path),
            "--json",
            f"{tmp_path}/f.json",
        ],
    )
    assert result.exit_code == 0, result.output
    table = json.loads((tmp_path / "f.json").read_text(encoding="utf-8"))
    (text,) = table["texts"]
    assert (table["text_mb_per_s"], table["text_rss_mb"]) == (text["mb_per_s"], text["peak_mb"])
    assert 2**20 <= text["num_bytes"] < 2**20 + 200
    assert text["vocabulary_size"] == 300 + 4  # the words, two marks, <eos> and <unk>
    assert text["library_mb_per_s"] > 0
    assert [path.name for path in tmp_path.iterdir()] == ["f.json"]


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(scale.scale, ["--json", str(tmp_path / "none" / "f.json")])
    assert result.exit_code == 2
    assert "must be in a folder that exists" in result.output


@needs_proc
def test_a_process_that_fails_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    write_text(path, ZipfText(vocabulary_size=10), 1000)
    with pytest.raises(PeerError):
        measure_text(path, {"tokenizer": "none"}, processes=1, timeout=100, say=lambda _: None)
