"""Label smoothing, z-loss and the sampled softmax apply to training only."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nextword.errors import SettingError
from nextword.model.architecture import Architecture
from nextword.model.language_model import LanguageModel
from nextword.text.batching.streams import Streams
from nextword.training.options import TrainingOptions
from nextword.training.run import TrainingRun
from nextword.training.step.stream_model import StreamModel
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


def test_training_terms_of_the_loss_are_not_in_validation() -> None:
    sizes: dict[str, Any] = {"vocabulary_size": 9, "embedding_size": 4, "hidden_sizes": (4,)}
    model = LanguageModel(Architecture(**sizes, initializer="uniform", initializer_scale=3.0))
    window = Streams(np.arange(41, dtype=np.int32) % 9, batch_size=4, num_steps=5, first_input=0).window(0)

    def loss(training: bool, **terms: Any) -> float:
        stream = StreamModel(model, TrainingOptions(**terms), batch_size=4)
        outputs = stream({"tokens": window.inputs, "reset": window.reset}, training=training)
        return float(stream.compute_loss(None, window.targets, outputs, window.weights, training=training))

    changes: list[dict[str, Any]] = [{"label_smoothing": 0.2}, {"z_loss": 0.1}]
    for terms in changes:
        assert loss(False, **terms) == loss(False)
        assert abs(loss(True, **terms) - loss(True)) > 1e-2


def test_label_smoothing_needs_the_whole_vocabulary() -> None:
    with pytest.raises(SettingError, match="leave out one of the two"):
        TrainingOptions(label_smoothing=0.1, sampled_softmax=100)


@pytest.mark.parametrize("option", [{"sampled_softmax": 4}, {"label_smoothing": 0.2}, {"z_loss": 0.1}], ids=str)
def test_a_mixture_refuses_sampling_smoothing_and_z_loss(option: dict[str, Any]) -> None:
    model = Architecture(vocabulary_size=9, embedding_size=3, hidden_sizes=(4,), mixture_size=2)
    (name,) = option
    with pytest.raises(SettingError, match=f"`{name}` needs a single softmax, but is .* with `mixture_size` 2"):
        TrainingOptions(**option).check_softmax(model)
    TrainingOptions(**option).check_softmax(model.replace(mixture_size=1))
