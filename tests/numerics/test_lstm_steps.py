"""The LSTM of the pictures, in NumPy, is nextword's own."""

from typing import Any

import numpy as np

from nextword.bundle.bundle import Bundle
from nextword.display.pictures.lstm_steps import LSTMSteps
from nextword.model.architecture import Architecture
from nextword.model.language_model import LanguageModel
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary


def test_the_layers_of_a_model_are_those_of_keras() -> None:
    sizes: dict[str, Any] = {"vocabulary_size": 9, "embedding_size": 4, "hidden_sizes": (6, 5)}
    architecture = Architecture(**sizes, initializer_scale=0.8)
    model = LanguageModel(architecture, seed=2)
    tokenizer = Tokenizer("pretokenized", "line", Vocabulary(("<unk>", "<eos>", *"abcdefg")))
    bundle = Bundle("tiny", architecture, tokenizer, model.named_weights(), "")
    ids = [1, 4, 2, 8, 3, 3]
    hidden, state = model.hidden_states(np.array([ids], np.int32))
    steps = LSTMSteps.of_model(bundle, ids, 2)
    np.testing.assert_allclose(steps.h, np.asarray(hidden)[0], atol=1e-6)
    for layer, after in enumerate(state):
        found = LSTMSteps.of_model(bundle, ids, layer + 1)
        np.testing.assert_allclose(found.c[-1], np.asarray(after[-1])[0], atol=1e-6)
