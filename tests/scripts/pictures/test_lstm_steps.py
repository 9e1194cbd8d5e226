import dataclasses
from typing import Any

import numpy as np
import pytest

from nextword.bundle.bundle import Bundle
from nextword.export.language_model_graph import language_model_graph
from nextword.model.architecture import Architecture
from nextword.model.language_model import LanguageModel
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary
from pictures.lstm_steps import LSTMSteps
from support.packed import ARCHITECTURES, random_bundle

IDS = [1, 5, 9, 2, 2, 17]


def test_the_state_before_is_that_one_step_earlier() -> None:
    steps = LSTMSteps.of_model(random_bundle(ARCHITECTURES["tied"]), IDS, 1)
    assert not steps.before("c")[0].any()
    np.testing.assert_array_equal(steps.before("h")[1:], steps.h[:-1])


def test_the_equations_of_the_cell_hold_between_the_arrays() -> None:
    steps = LSTMSteps.of_model(random_bundle(ARCHITECTURES["tied"]), IDS, 2)
    np.testing.assert_allclose(steps.c, steps.f * steps.before("c") + steps.i * steps.g, atol=1e-12)
    np.testing.assert_allclose(steps.h, steps.o * np.tanh(steps.c), atol=1e-12)


def test_the_gates_of_a_modulated_layer_read_another_hidden_state() -> None:
    bundle = random_bundle(ARCHITECTURES["modulated"])
    steps = LSTMSteps.of_model(bundle, IDS, 1)
    x, weights = bundle.embeddings()[IDS].astype(float), bundle.floats(bundle.architecture.weight_shapes())
    factors = 2 / (1 + np.exp(-(x @ weights["lstm_0/modulation_kernel"] + weights["lstm_0/modulation_bias"])))
    assert steps.m is not None
    np.testing.assert_allclose(steps.m, factors * steps.before("h"), atol=1e-12)
    sums = x @ weights["lstm_0/kernel"] + steps.m @ weights["lstm_0/recurrent_kernel"] + weights["lstm_0/bias"]
    np.testing.assert_allclose(steps.g, np.tanh(np.split(sums, 4, axis=1)[2]), atol=1e-12)


def test_the_liveliest_units_change_most() -> None:
    cells = np.array([[0, 1, 1, 0], [0, -1, 1, 3], [0, 1, 1, 3]], float)
    steps = LSTMSteps(cells, cells, cells, cells, cells, cells)
    assert steps.liveliest(1) == [1]
    assert steps.liveliest(3) == [1, 2, 3]
    assert steps.liveliest(9) == [0, 1, 2, 3]


@pytest.mark.parametrize("int8", [False, True])
def test_a_slim_model_has_the_same_steps(int8: bool) -> None:
    bundle = random_bundle(ARCHITECTURES["untied"])
    data = language_model_graph(bundle.architecture, bundle.weights, int8=int8).SerializeToString()
    slim = dataclasses.replace(bundle, onnx=data).to_slim()
    found, expected = (LSTMSteps.of_model(each, IDS, 2) for each in (slim, bundle))
    np.testing.assert_allclose(found.h, expected.h, atol=0.03 if int8 else 0)
    assert (np.abs(found.h - expected.h).max() > 0) == int8


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
