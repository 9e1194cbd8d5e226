"""Bigrams beside the network: counted in the training text, or from the network after one word."""

from pathlib import Path

import pytest

import nextword
from nextword.bundle.origin import Origin
from nextword.bundle.origin_text import OriginText
from nextword.inference.suggestion.suggestion import suggest
from nextword.serving.routes.bigrams import Bigrams, bigrams_of
from support.text_service import served, tiny_model


def test_counted_bigrams_see_only_the_last_word() -> None:
    model = served(nextword.load("austen"), text=OriginText(Origin(Path(), text="austen")))
    bigrams = bigrams_of(model)
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


def test_a_text_that_is_gone_leaves_the_network() -> None:
    loaded = nextword.load("austen")
    model = served(loaded, text=OriginText(Origin(Path(), text="no/such/text")))
    assert bigrams_of(model).source == "model"
    model.scheduler.close()
