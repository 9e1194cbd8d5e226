"""The sampled softmax applies to training only."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from nextword.training.run import TrainingRun
from support.training_runs import OPTIONS, finished


def weights(run: TrainingRun) -> dict[str, NDArray[np.float32]]:
    return run.step.model.named_weights()


def test_a_sampled_softmax_changes_training_but_not_validation(tmp_path: Path) -> None:
    still = replace(OPTIONS, learning_rate=0.0, epochs=0.5)
    plain = finished(tmp_path / "plain", still).progress.records[-1]
    changed = finished(tmp_path / "changed", replace(still, sampled_softmax=4)).progress.records[-1]
    assert changed.valid_perplexity == pytest.approx(plain.valid_perplexity, rel=1e-6)
    usual = finished(tmp_path / "usual", OPTIONS)
    moved = finished(tmp_path / "moved", replace(OPTIONS, sampled_softmax=4))
    assert moved.progress.records[-1].valid_perplexity < 0.9 * plain.valid_perplexity
    assert any(not np.array_equal(weight, weights(usual)[name]) for name, weight in weights(moved).items())
