"""A model is tested before the service answers with it."""

from typing import Any

import numpy as np
import pytest

import nextword
from nextword.engine.text_model import TextModel
from nextword.errors import BundleError
from nextword.serving.self_test import self_test
from nextword.text.tokenizer import Tokenizer
from nextword.text.vocabulary import Vocabulary
from support.markov_engine import MarkovEngine
from support.text_service import tiny_model

SIZE = 4
TOKENIZER = Tokenizer("word", "line", Vocabulary(("<eos>", "<unk>", "it", "is")))


@pytest.mark.parametrize("kind", ["pretokenized", "word", "subword", "character"])
def test_sound_models_pass(kind: Any) -> None:
    served = tiny_model(kind=kind, tokens=("<unk>", "<eos>", "i", "t", " ", ",", " ,", "\u2019"))
    self_test(served.model)
    served.scheduler.close()


def test_the_sample_model_passes() -> None:
    self_test(nextword.load("austen"))


@pytest.mark.parametrize(
    ("value", "why"), [(np.nan, "finite"), (0.0, "finite"), (0.5, r"sum to 1, but sum to 1\.25"), (0.0001, "sum to 1")]
)
def test_bad_probabilities_are_found(value: float, why: str) -> None:
    table = np.full((SIZE, SIZE), 1 / SIZE)
    table[:, 3] = value
    with pytest.raises(BundleError, match=why):
        self_test(TextModel(MarkovEngine(table), TOKENIZER))


def test_a_state_that_breaks_is_found() -> None:
    """The first prediction is sound, and those after a word are not."""
    table = np.full((SIZE, SIZE), 1 / SIZE)
    table[2:] = np.nan
    with pytest.raises(BundleError, match="finite"):
        self_test(TextModel(MarkovEngine(table), TOKENIZER))


def test_a_tokenizer_that_does_not_read_what_it_writes_is_found() -> None:
    tokenizer = Tokenizer("word", "line", Vocabulary(("<eos>", "<unk>", "two words", "a, b")))
    with pytest.raises(BundleError, match="read what it writes"):
        self_test(TextModel(MarkovEngine(np.full((SIZE, SIZE), 1 / SIZE)), tokenizer))
