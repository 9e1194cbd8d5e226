"""Bigrams beside the network: counted in the training text, or from the network after one word."""

import gc
import weakref

import numpy as np
import pytest

import nextword
from nextword.engine.ngram.kneser_ney import KneserNeyModel
from nextword.serving.bigrams import BigramCache, BigramEngine, Bigrams
from nextword.serving.model_text import ModelText
from nextword.suggestion.suggestion import suggest
from support.text_service import served, tiny_model

IDS = np.random.default_rng(5).integers(6, size=500, dtype=np.int32)


def test_the_engine_gives_kneser_ney_probabilities_of_the_last_token() -> None:
    engine = BigramEngine(IDS, vocabulary_size=6, end_id=1)
    expected = np.log(KneserNeyModel.fit(IDS, 2, vocabulary_size=6, end_id=1).probabilities(np.arange(6)[:, None]))
    inputs = np.array([[1, 3, 5], [2, 0, 4]], np.int32)
    prediction, state = engine.predict_window(inputs, engine.start(2))
    np.testing.assert_allclose(prediction.log_probs, expected[inputs], rtol=1e-5)
    np.testing.assert_array_equal(state, [5, 4])
    log_probs, _ = engine.step(np.array([3], np.int32), engine.start(1))
    np.testing.assert_allclose(log_probs[0], expected[3], rtol=1e-5)


def test_counted_bigrams_see_only_the_last_word() -> None:
    model = nextword.load("austen")
    ids = ModelText("austen").training_ids(model.tokenizer)[:50_000]
    size, end_id = model.engine.vocabulary_size, model.engine.end_id
    bigrams = Bigrams(model, model.with_engine(BigramEngine(ids, vocabulary_size=size, end_id=end_id)))
    assert bigrams.source == "text"
    assert bigrams.suggest("I am very", 5) == bigrams.suggest("it is not so very", 5)
    long = f"{'very much ' * 1000}very"
    assert bigrams.suggest(long, 5) == bigrams.suggest("very", 5)
    assert bigrams.suggest("He said.", 5)[0].text[:1].isupper() or not bigrams.suggest("He said.", 5)[0].text.isalpha()


@pytest.mark.parametrize(
    ("text", "last"), [("it is so", "so"), ("it is so  ", "so"), ("", ""), ("it is\n", ""), ("is\tit", "it")]
)
def test_the_network_reads_the_last_word_alone(text: str, last: str) -> None:
    model = tiny_model()
    bigrams = Bigrams(model.model, None)
    assert bigrams.source == "model"
    assert bigrams.suggest(text, 4) == suggest(model.model, last, 4, restore_case=True)
    model.scheduler.close()


def test_a_model_is_counted_once_and_freed() -> None:
    cache = BigramCache()
    model = tiny_model()
    assert cache.of(model) is cache.of(model)
    gone = weakref.ref(model)
    model.scheduler.close()
    del model
    gc.collect()
    assert gone() is None


def test_a_text_that_is_gone_leaves_the_network() -> None:
    loaded = nextword.load("austen")
    model = served(loaded, text=ModelText(source="no/such/text"))
    assert BigramCache().of(model).source == "model"
    model.scheduler.close()
