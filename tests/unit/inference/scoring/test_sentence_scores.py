from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextword.engine import stream as sentence_batches
from nextword.engine.distribution_engine import DistributionEngine
from nextword.engine.engine import State, TokenScores, WindowPrediction
from nextword.engine.text_model import LoadedModel
from nextword.errors import EvaluationError
from nextword.inference.scoring.sentence_scores import score_sentences
from nextword.text.batching.window import TokenIds

Model = Callable[..., LoadedModel]
StepByStep = Callable[..., list[float]]

sentences_of_ids = st.lists(
    st.lists(st.integers(0, 8), max_size=30).map(lambda ids: np.array(ids, np.int32)), max_size=40
)


def ranks_step_by_step(model: LoadedModel, sentence: TokenIds, first_input: int) -> list[int]:
    prediction, _ = model.engine.predict_window(
        np.array([[first_input, *sentence[:-1]]], np.int32), model.engine.start(1)
    )
    order = np.argsort(-prediction.log_probs[0], axis=-1, kind="stable")
    return [int(np.flatnonzero(row == token_id)[0]) + 1 for row, token_id in zip(order, sentence, strict=True)]


@pytest.mark.parametrize("few_shapes", [False, True])
@settings(max_examples=40)
@given(sentences=sentences_of_ids, first_input=st.integers(0, 8), most_tokens=st.integers(1, 80))
def test_batches_do_not_change_scores(
    small_model: Model,
    step_by_step: StepByStep,
    few_shapes: bool,
    sentences: list[TokenIds],
    first_input: int,
    most_tokens: int,
) -> None:
    model = small_model()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sentence_batches, "_MAX_TOKENS", most_tokens)
        patch.setattr(model.engine, "compiles_each_shape", few_shapes)
        found = score_sentences(model.engine, sentences, first_input=first_input)
    assert len(found) == len(sentences)
    for sentence, scores in zip(sentences, found, strict=True):
        expected = step_by_step(model.engine, sentence.tolist(), first_input)
        np.testing.assert_allclose(scores.log_probs, expected, atol=1e-5)
        if len(sentence):
            assert scores.ranks.tolist() == ranks_step_by_step(model, sentence, first_input)


def test_a_long_sentence_is_read_in_pieces(small_model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentence_batches, "_MAX_TOKENS", 64)
    model = small_model()
    score_sentences(model.engine, [np.zeros(1000, np.int32), np.zeros(3, np.int32)], first_input=3)
    shapes = vars(model.engine)["shapes"]
    assert len(shapes) > 1000 / 64
    assert all(batch_size * num_steps <= 64 for batch_size, num_steps in shapes)


def test_a_large_vocabulary_limits_the_batch() -> None:
    class Wide(DistributionEngine):
        def start(self, batch_size: int) -> State:
            return None

        def predict_window(self, inputs: TokenIds, state: State) -> tuple[WindowPrediction, State]:
            raise NotImplementedError

        def score_window(self, inputs: TokenIds, targets: TokenIds, state: State) -> tuple[TokenScores, State]:
            assert inputs.size * self.vocabulary_size <= 20_000_000
            return TokenScores(np.zeros(inputs.shape, np.float32), np.ones(inputs.shape, np.int32)), state

    sentences = [np.zeros(length, np.int32) for length in range(1, 200)]
    for vocabulary_size in (10_000, 300_000):
        score_sentences(Wide(vocabulary_size=vocabulary_size, end_id=0), sentences, first_input=0)


def test_nan_is_refused(small_model: Model) -> None:
    model = small_model()
    vars(model.engine)["_output"][:, 2] = np.nan
    with pytest.raises(EvaluationError, match="must be a number, but is NaN"):
        score_sentences(model.engine, [np.array([1], np.int32)], first_input=3)
