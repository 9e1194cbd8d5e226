import base64
import hashlib
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nextword.engine.engine import Engine
from nextword.errors import EvaluationError
from nextword.inference.evaluation.comparison import compare
from nextword.inference.evaluation.comparison_page import comparison_page
from nextword.inference.evaluation.perplexity import evaluate
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary

MakeEngine = Callable[[NDArray[np.float64]], Engine]

HOSTILE = ("<img src=x onerror=alert(1)>", "</script><script>alert(1)</script>", "<!--", "-->", "&lt;", "$script")
HEADING = {"model": "</title><script>alert(1)</script>", "corpus": "<b>corpus</b>", "split": "$data"}


class Elements(HTMLParser):
    """The elements of a page, and the text of its scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.texts.append((self.names[-1] if self.names else "", data))

    def raw(self, name: str) -> list[str]:
        return [text for tag, text in self.texts if tag == name and text.strip()]


def page_of(engine: Engine, tokenizer: Tokenizer, ids: list[int]) -> str:
    array = np.array(ids, np.int32)
    tokens = compare(engine, array, skip=0, max_tokens=len(ids))
    return comparison_page(tokens, evaluate(engine, array), tokenizer, **HEADING)


def data_of(page: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(Elements(page).raw("script")[0])
    return data


def hostile_page(markov_engine: MakeEngine) -> str:
    tokenizer = Tokenizer("pretokenized", "line", Vocabulary(("<eos>", "<unk>", *HOSTILE)))
    return page_of(markov_engine(np.full((8, 8), 1 / 8)), tokenizer, list(range(8)))


def test_hostile_words_stay_text(markov_engine: MakeEngine) -> None:
    page = hostile_page(markov_engine)
    elements = Elements(page)
    assert elements.names.count("script") == 2
    assert not {"img", "b"} & set(elements.names)
    assert elements.names[-1] == "script"
    assert not [name for name, _ in elements.attributes if name.startswith("on")]
    assert "<!--" not in page
    assert set(HOSTILE) <= set(data_of(page)["words"])
    assert data_of(page)["heading"] == HEADING


def test_only_the_script_and_style_of_the_page_are_allowed(markov_engine: MakeEngine) -> None:
    elements = Elements(hostile_page(markov_engine))
    policy = next(value for name, value in elements.attributes if name == "content" and value and "src" in value)
    hashes = [
        base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
        for text in (elements.raw("style")[0], elements.raw("script")[1])
    ]
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}';")
    assert "unsafe" not in policy


def test_the_page_is_self_contained_and_inserts_no_markup(markov_engine: MakeEngine) -> None:
    page = hostile_page(markov_engine)
    own = page.replace(Elements(page).raw("script")[0], "")
    assert not re.search(r"https?:|url\(|@import|\ssrc=|<link", own)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b", own)


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
    table = np.array([[0.25, 0.125, 0.5, 0.125]] * 4)
    data = data_of(page_of(markov_engine(table), tokenizer, [2, 0]))
    first, second = data["tokens"]
    assert [data["words"][word] for word, _ in first[4]] == ["a", "<eos>", "<unk>", "b"]
    assert [probability for _, probability in first[4]] == [0.5, 0.25, 0.125, 0.125]
    assert first[1:3] == [1, 1.0]
    assert second[1:3] == [2, 2.0]
    assert data["first_position"] == 0
    assert data["figures"]["num_tokens"] == 2


def test_an_infinite_surprisal_is_null(markov_engine: MakeEngine) -> None:
    tokenizer = Tokenizer("pretokenized", "line", Vocabulary(("<eos>", "<unk>")))
    data = data_of(page_of(markov_engine(np.array([[1.0, 0.0]] * 2)), tokenizer, [0, 1]))
    assert [token[2] for token in data["tokens"]] == [0.0, None]
    assert data["figures"]["perplexity"] is None


def test_the_page_of_a_character_model_shows_spaces(markov_engine: MakeEngine) -> None:
    tokenizer = Tokenizer("character", "line", Vocabulary(("<eos>", "<unk>", "a", " ")))
    data = data_of(page_of(markov_engine(np.full((4, 4), 1 / 4)), tokenizer, [2, 3, 2]))
    assert data["unit"] == "character"
    assert [data["words"][token[0]] for token in data["tokens"]] == ["a", "␣", "a"]
    assert [token[3] for token in data["tokens"]] == [0, 0, 0]


def test_a_page_without_words_is_refused(markov_engine: MakeEngine) -> None:
    evaluation = evaluate(markov_engine(np.full((2, 2), 0.5)), np.array([0], np.int32))
    tokenizer = Tokenizer("pretokenized", "line", Vocabulary(("<eos>", "<unk>")))
    with pytest.raises(EvaluationError, match="at least one token"):
        comparison_page([], evaluation, tokenizer, **HEADING)
