from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextword.engine import reading as sentence_batches
from nextword.engine.trained_model import TrainedModel
from nextword.errors import SettingError
from nextword.text.options import TokenizerKind
from nextword.vectors.sentence_vectors import Pooling, Vectors, sentence_vectors

Model = Callable[..., TrainedModel]

KINDS: list[TokenizerKind] = ["pretokenized", "word", "character"]

lines_of_text = st.lists(
    st.lists(st.sampled_from(["the", "cat,", "dog", "sat", "."]), max_size=9).map(" ".join), min_size=1, max_size=12
)


def by_line(model: TrainedModel, line: str, pooling: Pooling) -> Vectors:
    """The reference: each line read by itself, its hidden states taken as the definition says."""
    inputs = np.array([[model.engine.end_id, *model.tokenizer.encode(line)]], np.int32)
    prediction, _ = model.engine.predict_window(inputs, model.engine.start(1))
    assert prediction.hidden is not None
    hidden = prediction.hidden[0]
    counted = hidden[-1:] if pooling == "last" or len(hidden) == 1 else hidden[1:]
    mean: Vectors = counted.mean(axis=0)
    return mean


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pooling", ["mean", "last"])
@settings(max_examples=25)
@given(lines=lines_of_text, read_ahead=st.integers(1, 8), most_tokens=st.integers(1, 60), few_shapes=st.booleans())
def test_vectors_are_those_of_each_line_by_itself(
    small_model: Model,
    kind: TokenizerKind,
    pooling: Pooling,
    lines: list[str],
    read_ahead: int,
    most_tokens: int,
    few_shapes: bool,
) -> None:
    model = small_model(kind)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sentence_batches, "_MOST_TOKENS", most_tokens)
        patch.setattr(model.engine, "compiles_each_shape", few_shapes)
        parts = sentence_vectors(model.engine, model.tokenizer, lines, pooling=pooling, read_ahead=read_ahead)
        vectors = np.concatenate(list(parts))
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, [by_line(model, line, pooling) for line in lines], atol=1e-5)


def test_no_more_lines_are_held_than_are_read_ahead(small_model: Model) -> None:
    model = small_model()
    num_read = 0

    def endless() -> Iterator[str]:
        nonlocal num_read
        while True:
            num_read += 1
            yield "the cat"

    parts = sentence_vectors(model.engine, model.tokenizer, endless(), read_ahead=5)
    for count in range(1, 20):
        assert next(parts).shape == (5, 4)
        assert num_read == 5 * count


def test_an_engine_without_hidden_states_is_refused(small_model: Model) -> None:
    model = small_model()
    original = model.engine.predict_window
    vars(model.engine)["predict_window"] = lambda inputs, state: (
        original(inputs, state)[0]._replace(hidden=None),
        state,
    )
    with pytest.raises(SettingError, match="needs an engine with hidden states, but this one gives none"):
        list(sentence_vectors(model.engine, model.tokenizer, ["the"]))


def test_reading_ahead_no_line_is_refused(small_model: Model) -> None:
    model = small_model()
    with pytest.raises(SettingError, match="`read_ahead` must be at least 1, but is 0"):
        sentence_vectors(model.engine, model.tokenizer, ["the"], read_ahead=0)
