from pathlib import Path

import pytest

from harness.ideas.figure import Terms
from harness.ideas.idea import REFERENCE, Idea
from harness.ideas.measurement import Measurement
from nextword.errors import SettingError
from nextword.text.corpus import Corpus

SMALL = {"embedding_size": 8, "hidden_sizes": (8,), "batch_size": 2, "num_steps": 5, "start": "random"}


@pytest.fixture
def measurement(tmp_path: Path) -> Measurement:
    """Measures on a text of two alternating lines."""
    lines = ["the cat sat on the mat", "she was very much obliged to him"]
    splits = {"train": lines * 40, "valid": lines * 8, "test": lines * 6}
    terms = Terms("two lines", "quick", 1.0, "float32")
    return Measurement(terms, Corpus.load(splits), tmp_path, lambda _: None)


@pytest.mark.slow
def test_a_method_reads_the_reference_that_was_trained(measurement: Measurement) -> None:
    trained = measurement.measure(Idea(REFERENCE, "", SMALL), [0])
    assert trained.words_per_second
    tempered = measurement.measure(Idea("temperature", "", methods=("temperature",)), [0])
    assert tempered.test_perplexity < trained.test_perplexity
    assert (tempered.parameters, tempered.words_per_second) == (trained.parameters, None)
    assert "temperature" in tempered.tuned


def test_a_method_without_its_reference_is_refused(measurement: Measurement) -> None:
    with pytest.raises(SettingError, match="measure `reference` first"):
        measurement.measure(Idea("cache", "", methods=("cache",)), [7])
