import json
from typing import Any

import pytest

from nextword.errors import TextError
from nextword.text import tokenizer_json
from nextword.text.tokenizer_json import parse, vocabulary_of


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"a": NaN}',
        '{"a": Infinity}',
        '{"a": 1e999}',
        '{"a": 1.5}',
        '{"a": 1, "a": 2}',
        '{"model": {"vocab": {"a": 0, "a": 1}}}',
        '{"a": ' + "9" * 5000 + "}",
        "[" * 100_000,
    ],
    ids=["empty", "cut", "nan", "infinity", "overflow", "fraction", "key", "inner key", "digits", "depth"],
)
def test_what_is_not_plain_json_is_refused(text: str) -> None:
    with pytest.raises(TextError, match="must be plain JSON"):
        parse(text)


def test_a_text_that_is_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenizer_json, "MAXIMUM_LENGTH", 4)
    assert parse("[1]") == [1]
    with pytest.raises(TextError, match="at most 4 characters, but has 5"):
        parse("[123]")


@pytest.mark.parametrize("parsed", [None, [], "model", {}, {"model": []}, {"model": {}}, {"model": {"vocab": ["a"]}}])
def test_json_without_a_vocabulary_is_refused(parsed: Any) -> None:
    with pytest.raises(TextError, match="must hold a table `vocab`"):
        vocabulary_of(parsed)


@pytest.mark.parametrize(
    "ids",
    [
        {"<unk>": 0, "<eos>": 2},
        {"<unk>": 0, "<eos>": 0},
        {"<unk>": -1, "<eos>": 0},
        {"<unk>": "0", "<eos>": "1"},
        {"<unk>": False, "<eos>": True},
        {"<unk>": 0, "<eos>": []},
    ],
    ids=["gap", "twice", "negative", "text", "booleans", "list"],
)
def test_ids_other_than_zero_one_two_are_refused(ids: dict[str, Any]) -> None:
    with pytest.raises(TextError, match="must be 0 to 1, each once"):
        vocabulary_of({"model": {"vocab": ids}})


def test_a_vocabulary_larger_than_any_model_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenizer_json, "MAXIMUM_SIZE", 2)
    with pytest.raises(TextError, match="at most 2 tokens, but holds 3"):
        vocabulary_of({"model": {"vocab": {"<unk>": 0, "<eos>": 1, "a": 2}}})


def test_tokens_come_in_the_order_of_their_ids() -> None:
    parsed = parse(json.dumps({"model": {"vocab": {"a": 2, "<eos>": 0, "<unk>": 1}}}))
    assert vocabulary_of(parsed).tokens == ("<eos>", "<unk>", "a")


def test_a_token_that_is_half_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(TextError, match="one or more characters"):
        vocabulary_of(parse('{"model": {"vocab": {"\\ud800": 0, "<unk>": 1, "<eos>": 2}}}'))
