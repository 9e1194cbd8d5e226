"""Text models and loaded models."""

from dataclasses import replace

import numpy as np
import pytest

from nextword.bundle.mixture import MixtureSettings
from nextword.engine.engine import Engine
from nextword.engine.mixture.mixture_engine import MixtureEngine
from nextword.engine.text_model import TextModel
from nextword.errors import SettingError
from support.engine_scores import scores_of
from support.inner_engines import model_of, toy_engine
from support.small_mixture import with_mixture
from support.small_model import small_model


def test_a_trained_model_has_the_tokenizer_of_its_bundle(hiddenless_engine: Engine) -> None:
    model = model_of(hiddenless_engine)
    assert model.tokenizer is model.bundle.tokenizer
    assert (model.name, model.run_by) == ("tiny", "Keras")
    assert repr(model) == "LoadedModel('tiny', LSTM 2, 7 words, Keras)"


def test_with_engine_keeps_tokenizer_and_bundle() -> None:
    model, other = model_of(toy_engine(1)), toy_engine(2)
    changed = model.with_engine(other)
    assert type(changed) is TextModel
    assert repr(changed) == "TextModel(ToyEngine, 7 words)"
    assert changed.engine is other
    assert changed.tokenizer is model.tokenizer


def test_a_model_is_used_with_its_mixture_or_without() -> None:
    model = small_model(mixes=True)
    static = model.using("static")
    assert (model.method, static.method) == ("mixture", "static")
    assert static.engine is static.network is model.network
    assert isinstance(model.engine, MixtureEngine)
    assert len(model.engine.parts) == 2
    again = static.using("mixture")
    assert again.using("mixture") is again
    assert again.bundle is model.bundle
    ids = np.array([[2, 4, 5, 0, 2]], np.int32)
    used, other, alone = (
        scores_of(each.engine, ids, np.array([5], np.int32)).log_probs for each in (model, again, static)
    )
    np.testing.assert_array_equal(used, other)
    assert np.abs(used - alone).max() > 0.1


def test_a_model_without_a_mixture_is_its_network() -> None:
    model = small_model()
    assert model.using("mixture").engine is model.engine
    assert model.using("mixture").method == "static"
    weightless = replace(model, bundle=with_mixture(model.bundle, settings=MixtureSettings()))
    assert weightless.using("mixture").engine is model.engine


def test_an_unknown_way_to_use_a_model_is_refused() -> None:
    with pytest.raises(SettingError, match="did you mean `static`"):
        small_model().using("statik")  # type: ignore[arg-type]


def test_a_precision_other_than_float32_is_named(hiddenless_engine: Engine) -> None:
    model = model_of(hiddenless_engine)
    assert replace(model, runtime="onnxruntime").run_by == "onnxruntime"
    assert replace(model, runtime="onnxruntime", precision="int8").run_by == "onnxruntime in int8"
    assert repr(replace(model, runtime="onnxruntime", precision="int8")).endswith(", onnxruntime int8)")
