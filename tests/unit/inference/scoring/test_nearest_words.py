import dataclasses

import numpy as np
import pytest

from nextword.bundle.bundle import Bundle
from nextword.errors import SettingError, TextError
from nextword.inference.scoring.nearest_words import nearest_words
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary
from support.small_model import small_model

TOKENS = ("<unk>", "<eos>", "east", "north", "east north", "west", ", ", "nowhere", "south")
VECTORS = np.array([[9, 9], [9, 8], [1, 0], [0, 5], [3, 3], [-2, 0], [4, -3], [0, 0], [0, -1]], np.float32)


@pytest.fixture
def compass() -> Bundle:
    bundle = small_model().bundle
    architecture = dataclasses.replace(bundle.architecture, embedding_size=2, hidden_sizes=(2,))
    weights = {name: np.zeros(shape, np.float32) for name, shape in architecture.weight_shapes().items()}
    tokenizer = Tokenizer("pretokenized", "line", Vocabulary(TOKENS))
    return Bundle("compass", architecture, tokenizer, weights | {"embedding/embeddings": VECTORS}, "")


def test_the_nearest_words_have_the_highest_cosine(compass: Bundle) -> None:
    near = nearest_words(compass, "east", 10)
    assert [(word.word, round(word.cosine, 4)) for word in near] == [
        (",", 0.8),
        ("east north", 0.7071),
        ("north", 0.0),
        ("nowhere", 0.0),
        ("south", 0.0),
        ("west", -1.0),
    ]
    assert nearest_words(compass, "east", 2) == near[:2]
    assert nearest_words(compass, "nowhere", 1)[0].cosine == 0


def test_punctuation_is_found_without_its_spaces(compass: Bundle) -> None:
    assert nearest_words(compass, ",", 1)[0].word == "east"


def test_an_unknown_word_is_refused_with_a_suggestion(compass: Bundle) -> None:
    with pytest.raises(TextError, match="must be in the vocabulary, but 'nort' is not; did you mean `north`"):
        nearest_words(compass, "nort")
    with pytest.raises(TextError, match=r"but '\\x1b' is not; try another"):
        nearest_words(compass, "\x1b")
    with pytest.raises(SettingError, match="`k` must be at least 1, but is 0"):
        nearest_words(compass, "east", 0)
