"""Bigrams beside the network: counted in the training text, or from the network after one word."""

import gc
import weakref

import pytest

import nextword
from nextword.inference.suggestion.suggestion import suggest
from nextword.serving.model_text import ModelText
from nextword.serving.routes.bigrams import BigramCache, Bigrams
from support.text_service import served, tiny_model


def test_counted_bigrams_see_only_the_last_word() -> None:
    model = served(nextword.load("austen"), text=ModelText("austen"))
    bigrams = BigramCache().of(model)
    assert bigrams.source == "text"
    assert bigrams.suggest("I am very", 5) == bigrams.suggest("it is not so very", 5)
    long = f"{'very much ' * 1000}very"
    assert bigrams.suggest(long, 5) == bigrams.suggest("very", 5)
    assert bigrams.suggest("He said.", 5)[0].text[:1].isupper() or not bigrams.suggest("He said.", 5)[0].text.isalpha()
    model.scheduler.close()


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
