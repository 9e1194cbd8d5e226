from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nextword.engine.trained_model import TrainedModel
from nextword.errors import SettingError, TextError
from nextword.text.tokenizer import Tokenizer
from nextword.text.vocabulary import Vocabulary
from nextword.vectors.word_vectors import WordVectors

Model = Callable[..., TrainedModel]

TOKENS = ("<unk>", "<eos>", "east", "north", "east north", "west", ", ", "nowhere")
VECTORS = np.array([[9, 9], [9, 8], [1, 0], [0, 5], [3, 3], [-2, 0], [4, -3], [0, 0]], np.float32)


@pytest.fixture
def compass() -> WordVectors:
    return WordVectors(Tokenizer("pretokenized", "line", Vocabulary(TOKENS)), VECTORS)


def test_the_nearest_point_the_same_way(compass: WordVectors) -> None:
    near = compass.nearest("east", 10)
    assert [(word.word, round(word.cosine, 4)) for word in near] == [
        (",", 0.8),
        ("east north", 0.7071),
        ("north", 0.0),
        ("nowhere", 0.0),
        ("west", -1.0),
    ]
    assert compass.nearest("east", 2) == near[:2]
    assert compass.nearest("nowhere", 1)[0].cosine == 0


def test_a_mark_is_found_without_its_spaces(compass: WordVectors) -> None:
    assert compass.nearest(",", 1)[0].word == "east"


def test_a_word_that_is_not_there_is_refused_with_one_that_is(compass: WordVectors) -> None:
    with pytest.raises(TextError, match="must be in the vocabulary, but 'nort' is not; did you mean `north`"):
        compass.nearest("nort")
    with pytest.raises(TextError, match=r"but '\\x1b' is not; try another"):
        compass.nearest("\x1b")
    with pytest.raises(SettingError, match="`k` must be at least 1, but is 0"):
        compass.nearest("east", 0)


def test_words_are_saved_with_their_vectors(compass: WordVectors, tmp_path: Path) -> None:
    path = tmp_path / "words.npz"
    compass.save(path)
    with np.load(path, allow_pickle=False) as saved:
        assert tuple(saved["words"].tolist()) == TOKENS
        np.testing.assert_array_equal(saved["vectors"], VECTORS)


def test_the_vectors_of_a_model_are_its_embeddings(small_model: Model) -> None:
    bundle = small_model("word").bundle
    vectors = WordVectors.of(bundle)
    assert vectors.tokenizer is bundle.tokenizer
    np.testing.assert_array_equal(vectors.vectors, bundle.weights["embedding/embeddings"])
