from pathlib import Path

import numpy as np
import pytest

from nextword.errors import CheckpointError
from nextword.training.cluster.outer_weights import OuterWeights

START = {"a": np.array([1.0, 2.0], np.float32), "b": np.zeros((2, 2), np.float32)}


def moved_by(change: float) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    return {name: weight + np.float32(change) for name, weight in START.items()}


def test_a_round_without_change_changes_nothing() -> None:
    after = OuterWeights.of(START).after([START, START])
    assert all(np.array_equal(after.weights[name], START[name]) for name in START)
    assert after.num_rounds == 1


def test_the_step_is_that_of_nesterov_along_the_mean_change() -> None:
    first = OuterWeights.of(START).after([moved_by(1.0), moved_by(3.0)])
    # g = -2, m = -2, w <- w - 0.7 (g + 0.5 m)
    assert first.weights["a"] == pytest.approx(START["a"] + 0.7 * (2 + 0.5 * 2))
    second = first.after([first.weights])
    # g = 0, m = -1: the momentum is kept
    assert second.weights["a"] == pytest.approx(first.weights["a"] + 0.7 * 0.5 * 1.0)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    outer = OuterWeights.of(START).after([moved_by(1.0)])
    outer.write(tmp_path / "outer.safetensors")
    read = OuterWeights.read(tmp_path / "outer.safetensors")
    assert read.num_rounds == 1
    for name in START:
        assert np.array_equal(read.weights[name], outer.weights[name])
        assert np.array_equal(read.momentum[name], outer.momentum[name])


@pytest.mark.parametrize("damaged", [None, b"", b"no weights"])
def test_a_damaged_file_is_refused(tmp_path: Path, damaged: bytes | None) -> None:
    path = tmp_path / "outer.safetensors"
    if damaged is not None:
        path.write_bytes(damaged)
    with pytest.raises(CheckpointError, match="must hold the shared weights"):
        OuterWeights.read(path)
