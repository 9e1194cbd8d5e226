"""What a run says of its model is read back, or refused with a repair."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from nextword.bundle.model_card import SplitMetrics
from nextword.bundle.run_files import read_split_metrics
from nextword.errors import CheckpointError

ROW = SplitMetrics(
    split="test",
    perplexity=9.0,
    bits_per_character=1.5,
    num_out_of_vocabulary=1,
    accuracy=0.5,
    num_tokens=8,
    protocol="every token once",
)


def test_written_metrics_are_read_back(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    assert read_split_metrics(path) == ()
    path.write_text(json.dumps({"splits": [asdict(ROW)]}), encoding="utf-8")
    assert read_split_metrics(path) == (ROW,)


@pytest.mark.parametrize(
    "content",
    [b"{", b"[1]", b"{}", b"\xff", json.dumps({"splits": [{**asdict(ROW), "perplexity": "low"}]}).encode()],
)
def test_damaged_metrics_are_an_error_with_a_repair(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "metrics.json"
    path.write_bytes(content)
    repair = rf"metrics\.json` must be a file written by a training run.*--resume {tmp_path}"
    with pytest.raises(CheckpointError, match=repair):
        read_split_metrics(path)
