import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nextword.engine.engine import Engine
from nextword.errors import EvaluationError
from nextword.inference.evaluation.comparison import compare
from nextword.inference.evaluation.comparison_page import ComparisonFacts, comparison_page
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary

MakeEngine = Callable[[NDArray[np.float64]], Engine]

HOSTILE = ("<img src=x onerror=alert(1)>", "</script><script>alert(1)</script>", "<!--", "-->", "&lt;", "$script")
FACTS = ComparisonFacts(
    "</title><script>alert(1)</script>", "<b>corpus</b>", "test", "carried", {"tokens": "8"}, [], []
)


def page_of(engine: Engine, tokenizer: Tokenizer, ids: list[int]) -> str:
    tokens = compare(engine, np.array(ids, np.int32), skip=0, max_tokens=len(ids))
    return comparison_page(tokens, tokenizer, FACTS).decode("windows-1252")


def data_of(page: str) -> dict[str, Any]:
    (data,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    read: dict[str, Any] = json.loads(data)
    return read


def test_hostile_words_are_only_in_the_data_and_end_no_element(markov_engine: MakeEngine) -> None:
    tokenizer = Tokenizer("pretokenized", "line", Vocabulary(("<eos>", "<unk>", *HOSTILE)))
    page = page_of(markov_engine(np.full((8, 8), 1 / 8)), tokenizer, list(range(8)))
    assert page.lower().count("<script") == page.lower().count("</script") == 2
    assert not re.search("<img|<b>|onerror=alert[^\\\\]*>", page)
    assert set(HOSTILE) <= set(data_of(page)["words"])
    assert data_of(page)["model"] == FACTS.model


def test_words_and_spaces_form_the_text(markov_engine: MakeEngine) -> None:
    words = ("<eos>", "<unk>", "He", "said", ", ", ' "', "no", ".", "--")
    tokenizer = Tokenizer("word", "line", Vocabulary(words))
    ids = [2, 3, 4, 2, 3, 5, 6, 7, 0, 6, 8, 6]
    data = data_of(page_of(markov_engine(np.full((9, 9), 1 / 9)), tokenizer, ids))
    text = ""
    for word, _, _, spaces, _ in data["tokens"]:
        shown = "\n" if word == data["end"] else data["words"][word]
        text += " " * (spaces & 1) + shown + " " * (spaces >> 1)
    assert text == tokenizer.decode(ids)


def test_each_word_has_its_rank_surprisal_and_predictions(markov_engine: MakeEngine) -> None:
    tokenizer = Tokenizer("pretokenized", "line", Vocabulary(("<eos>", "<unk>", "a", "b")))
    data = data_of(page_of(markov_engine(np.array([[0.25, 0.125, 0.5, 0.125]] * 4)), tokenizer, [2, 0]))
    first, second = data["tokens"]
    assert [data["words"][word] for word, _ in first[4]] == ["a", "<eos>", "<unk>", "b"]
    assert [probability for _, probability in first[4]] == [0.5, 0.25, 0.125, 0.125]
    assert (first[1:3], second[1:3]) == ([1, 1.0], [2, 2.0])
    assert (data["first"], data["figures"]) == (0, {"tokens": "8"})


def test_an_infinite_surprisal_is_null(markov_engine: MakeEngine) -> None:
    tokenizer = Tokenizer("pretokenized", "line", Vocabulary(("<eos>", "<unk>")))
    data = data_of(page_of(markov_engine(np.array([[1.0, 0.0]] * 2)), tokenizer, [0, 1]))
    assert [token[2] for token in data["tokens"]] == [0.0, None]


def test_the_page_of_a_character_model_shows_spaces(markov_engine: MakeEngine) -> None:
    tokenizer = Tokenizer("character", "line", Vocabulary(("<eos>", "<unk>", "a", " ")))
    data = data_of(page_of(markov_engine(np.full((4, 4), 1 / 4)), tokenizer, [2, 3, 2]))
    assert data["unit"] == "character"
    assert [(data["words"][token[0]], token[3]) for token in data["tokens"]] == [("a", 0), ("␣", 0), ("a", 0)]


def test_a_page_without_words_is_refused() -> None:
    with pytest.raises(EvaluationError, match="at least one token"):
        comparison_page([], Tokenizer("pretokenized", "line", Vocabulary(("<eos>", "<unk>"))), FACTS)
