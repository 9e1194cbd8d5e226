"""Text models and loaded models."""

from dataclasses import replace

from nextword.engine.engine import Engine
from nextword.engine.text_model import TextModel
from support.inner_engines import model_of, toy_engine


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


def test_a_precision_other_than_float32_is_named(hiddenless_engine: Engine) -> None:
    model = model_of(hiddenless_engine)
    assert replace(model, runtime="onnxruntime").run_by == "onnxruntime"
    assert replace(model, runtime="onnxruntime", precision="int8").run_by == "onnxruntime in int8"
    assert repr(replace(model, runtime="onnxruntime", precision="int8")).endswith(", onnxruntime int8)")
