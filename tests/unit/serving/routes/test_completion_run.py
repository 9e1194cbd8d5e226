"""Requests that are not taken, with the name of the field, and those that just are."""

from collections.abc import Iterator
from typing import Any

import pytest

from nextword.engine.text_model import LoadedModel
from nextword.serving.settings import ServingSettings
from support.served import Served, post, serving

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"prompt": 5}, "prompt"),
    ({"prompt": {"a": 1}}, "prompt"),
    ({"prompt": ["a", 5]}, "prompt"),
    ({"prompt": [True]}, "prompt"),
    ({"prompt": [1.5]}, "prompt"),
    ({"prompt": [10**6]}, "prompt"),
    ({"prompt": [-1]}, "prompt"),
    ({"prompt": [[]] * 5}, "prompt"),
    ({"prompt": "a " * 30}, "prompt"),
    ({"prompt": [5] * 30}, "prompt"),
    ({"max_tokens": -1}, "max_tokens"),
    ({"max_tokens": 0}, "max_tokens"),
    ({"max_tokens": 51}, "max_tokens"),
    ({"max_tokens": "5"}, "max_tokens"),
    ({"temperature": -0.1}, "temperature"),
    ({"temperature": 1e308}, "temperature"),
    ({"top_p": 0}, "top_p"),
    ({"top_p": 1.1}, "top_p"),
    ({"n": 0}, "n"),
    ({"n": 4}, "n"),
    ({"best_of": 4}, "best_of"),
    ({"n": 3, "best_of": 2}, "best_of"),
    ({"best_of": 3, "stream": True}, "best_of"),
    ({"stream_options": {"include_usage": True}}, "stream_options"),
    ({"stream": True, "stream_options": {"include_all": True}}, "stream_options.include_all"),
    ({"stop": ""}, "stop"),
    ({"stop": ["a", ""]}, "stop"),
    ({"stop": ["a"] * 3}, "stop"),
    ({"stop": "a" * 11}, "stop"),
    ({"stop": 5}, "stop"),
    ({"seed": -1}, "seed"),
    ({"logprobs": 4}, "logprobs"),
    ({"logprobs": -1}, "logprobs"),
    ({"prompt": [[5] * 20] * 3, "n": 3, "echo": True, "logprobs": 3}, "logprobs"),
    ({"suffix": "."}, "suffix"),
    ({"logit_bias": {"5": 1.0}}, "logit_bias"),
    ({"presence_penalty": 0.5}, "presence_penalty"),
    ({"frequency_penalty": -0.5}, "frequency_penalty"),
    ({"top_k": 0}, "top_k"),
    ({"min_p": 2}, "min_p"),
    ({"typical_p": 0}, "typical_p"),
    ({"repetition_penalty": 0.5}, "repetition_penalty"),
    ({"tempreature": 1}, "tempreature"),
]


@pytest.fixture(scope="module")
def bounded(austen: LoadedModel) -> Iterator[Served]:
    """A server with narrow bounds."""
    settings = ServingSettings(
        max_prompts=4, max_prompt_tokens=20, max_tokens=50, max_choices=3, max_stops=2, max_stop_characters=10,
        max_logprobs=3, max_answer_logprobs=1000,
    )  # fmt: skip
    with serving(austen, settings) as server:
        yield server


@pytest.mark.parametrize(("changes", "param"), REFUSED, ids=str)
def test_bad_fields_are_refused_by_name(bounded: Served, changes: dict[str, Any], param: str) -> None:
    status, _, answer = post(bounded, {"model": "austen", "prompt": "So", **changes})
    assert status == 400
    error = answer["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["param"], error["type"]) == (param, "invalid_request_error")
    assert param.split(".", maxsplit=1)[0] in error["message"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"frequency_penalty": 0.5}, "`frequency_penalty` is not supported"),
        ({"presence_penalty": "high"}, "`presence_penalty` is not supported"),
        ({"logit_bias": {"5": 1.0}}, "`logit_bias` is not supported"),
        ({"suffix": "."}, "`suffix` is not supported"),
        (
            {"max_tokens": 51},
            "`max_tokens` must be at most 50, but is 51; ask for less, or set NEXTWORD_SERVE_MAX_TOKENS",
        ),
        (
            {"stop": ["a"] * 3},
            "`stop` must be at most 2 strings, but is 3; ask for less, or set NEXTWORD_SERVE_MAX_STOPS",
        ),
    ],
    ids=str,
)
def test_a_refusal_says_what_to_do(bounded: Served, changes: dict[str, Any], message: str) -> None:
    _, _, answer = post(bounded, {"model": "austen", "prompt": "So", **changes})
    assert answer["error"]["message"] == message


def test_the_best_of_several_without_tokens_is_the_prompt(bounded: Served) -> None:
    body = {"model": "austen", "prompt": "So", "max_tokens": 0, "echo": True, "best_of": 2}
    status, _, answer = post(bounded, body)
    assert (status, [choice["text"] for choice in answer["choices"]]) == (200, ["So"])


def test_everything_at_its_bound_is_taken(bounded: Served) -> None:
    body = {"model": "austen", "prompt": [[5] * 20] * 4, "max_tokens": 0, "echo": True, "logprobs": 3, "n": 3}
    body |= {"stop": ["a" * 10, "b"], "best_of": 3, "temperature": 100, "top_p": 1.0, "seed": 10**18 - 1}
    body |= {"user": "me", "presence_penalty": 0, "logit_bias": {}, "suffix": None}
    status, _, answer = post(bounded, body)
    assert status == 200, answer
    assert len(answer["choices"]) == 12
    status, _, answer = post(bounded, {"model": "austen", "max_tokens": 50})
    assert answer["usage"]["completion_tokens"] == 50


@pytest.mark.parametrize(
    ("data", "fragment", "param"),
    [
        (b"", "the body must be given", None),
        (b"{", "JSON", None),
        (b"null", "must be an object", None),
        (b'{"model": "austen", "model": "austen"}', "twice", "model"),
        (b'{"model": "austen", "temperature": NaN}', "NaN", "temperature"),
        (b'{"model": "austen", "prompt": "\xff"}', "UTF-8", None),
        (b'{"model": ' + b"[" * 500_000 + b"]" * 500_000 + b"}", "nested", None),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_bad_json_is_refused(served: Served, data: bytes, fragment: str, param: str | None) -> None:
    status, _, answer = post(served, data)
    assert status == 400
    assert fragment in answer["error"]["message"]
    assert answer["error"]["param"] == param
