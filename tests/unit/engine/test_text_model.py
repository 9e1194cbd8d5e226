"""A model that takes text is an engine with its tokenizer, and a trained one has its bundle as well."""

from collections.abc import Callable
from dataclasses import replace

from nextword.engine.engine import Engine
from nextword.engine.text_model import LoadedModel, TextModel


def test_a_trained_model_has_the_tokenizer_of_its_bundle(
    model_of: Callable[..., LoadedModel], hiddenless_engine: Engine
) -> None:
    model = model_of(hiddenless_engine)
    assert model.tokenizer is model.bundle.tokenizer
    assert (model.name, model.run_by) == ("tiny", "Keras")
    assert repr(model) == "LoadedModel('tiny', LSTM 2, 7 words, Keras)"


def test_with_another_engine_it_is_a_model_of_the_same_text(
    model_of: Callable[..., LoadedModel], toy_engine: Callable[..., Engine]
) -> None:
    model, other = model_of(toy_engine(1)), toy_engine(2)
    changed = model.with_engine(other)
    assert type(changed) is TextModel
    assert repr(changed) == "TextModel(ToyEngine, 7 words)"
    assert changed.engine is other
    assert changed.tokenizer is model.tokenizer


def test_the_precision_is_named_if_it_changes_figures(
    model_of: Callable[..., LoadedModel], hiddenless_engine: Engine
) -> None:
    model = model_of(hiddenless_engine)
    assert replace(model, library="onnxruntime").run_by == "onnxruntime"
    assert replace(model, library="onnxruntime", precision="int8").run_by == "onnxruntime in int8"
    assert repr(replace(model, library="onnxruntime", precision="int8")).endswith(", onnxruntime int8)")
