from pathlib import Path

import numpy as np
import pytest

from harness.agreement.own_scores import own_scores
from harness.agreement.tasks import Choice, Documents
from harness.speed.peer import PeerError
from nextword.bundle.samples import sample_model_path
from nextword.engine.opening import open_model
from nextword.engine.text_model import LoadedModel

LINES = ["It is a truth, universally acknowledged.", "She was very much obliged to him."]
CHOICE = Choice("She was very", ["much obliged", "table"], 0)
DOCUMENTS = Documents("".join(f"{line}\n\n" for line in LINES), [f"{line}\n\n" for line in LINES], [CHOICE])


@pytest.fixture(scope="module")
def austen() -> Path:
    return sample_model_path("austen")


@pytest.fixture(scope="module")
def loaded(austen: Path) -> LoadedModel:
    return open_model(austen, "onnx")


def log_prob(loaded: LoadedModel, text: str) -> float:
    ids = np.array([loaded.tokenizer.encode(text)], np.int32)
    return float(loaded.engine.score(ids, np.array([ids.shape[1]], np.int32)).log_probs.sum())


def test_documents_are_scored_by_the_commands_that_users_have(
    austen: Path, loaded: LoadedModel, tmp_path: Path
) -> None:
    own = own_scores(austen, loaded, DOCUMENTS, tmp_path)
    num_tokens = len(loaded.tokenizer.encode(DOCUMENTS.whole))
    assert own.whole.tokens == sum(score.tokens for score in own.lines) == num_tokens
    assert own.whole.log_prob == pytest.approx(log_prob(loaded, DOCUMENTS.whole), abs=0.2)
    for score, line in zip(own.lines, DOCUMENTS.lines, strict=True):
        assert score.log_prob == pytest.approx(log_prob(loaded, line), abs=0.2)
    assert own.perplexity == pytest.approx(np.exp(-own.whole.log_prob / num_tokens))


def test_a_continuation_is_scored_after_its_beginning(austen: Path, loaded: LoadedModel, tmp_path: Path) -> None:
    ((right, wrong),) = own_scores(austen, loaded, DOCUMENTS, tmp_path).choices
    whole, begun = log_prob(loaded, "She was very much obliged"), log_prob(loaded, "She was very")
    assert right.log_prob == pytest.approx(whole - begun, abs=0.05)
    assert (right.tokens, wrong.tokens) == (2, 1)
    assert own_scores(austen, loaded, DOCUMENTS, tmp_path).accuracy([CHOICE]) == float(right.log_prob > wrong.log_prob)


def test_a_command_that_fails_is_reported(loaded: LoadedModel, tmp_path: Path) -> None:
    with pytest.raises(PeerError, match=r"nextword evaluate failed: .*no-such-model"):
        own_scores(tmp_path / "no-such-model", loaded, DOCUMENTS, tmp_path)
