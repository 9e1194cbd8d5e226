"""The answers of `/v1/completions`, in OpenAI's shape."""

import time
import uuid
from typing import Any, Literal

from pydantic import BaseModel

from nextword.inference.generation.generated_text import Ending
from nextword.serving.routes.completions.text import Segment, ShownToken
from nextword.serving.served_model import ServedModel

LOWEST_LOG_PROB = -9999.0
"""Stands for the log-probability of what is impossible, because JSON has no infinity."""

FinishReason = Literal["stop", "length"]


class Logprobs(BaseModel):
    """Log-probabilities of a text; the lists have an entry for each token."""

    tokens: list[str]
    token_logprobs: list[float | None]
    top_logprobs: list[dict[str, float] | None]
    text_offset: list[int]


class Choice(BaseModel):
    """A text."""

    index: int
    text: str
    logprobs: Logprobs | None
    finish_reason: FinishReason | None


class Usage(BaseModel):
    """Numbers of tokens."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Completion(BaseModel):
    """An answer, or an event of a streamed one."""

    id: str
    object: Literal["text_completion"]
    created: int
    model: str
    system_fingerprint: str
    choices: list[Choice]
    usage: Usage | None


class AnswerWriter:
    """Writes an answer, or the events of one.

    Args:
        served: The model that answers.
        with_logprobs: Whether log-probabilities were asked for.
    """

    def __init__(self, served: ServedModel, *, with_logprobs: bool) -> None:
        self._with_logprobs = with_logprobs
        self._offsets: dict[int, int] = {}
        self._head = {
            "id": f"cmpl-{uuid.uuid4().hex}",
            "object": "text_completion",
            "created": int(time.time()),
            "model": served.name,
            "system_fingerprint": served.fingerprint,
        }

    def answer(self, choices: list[dict[str, Any]], usage: dict[str, int] | None = None) -> dict[str, Any]:
        """Return an answer, or an event."""
        return {**self._head, "choices": choices, "usage": usage}

    def choice(self, index: int, segment: Segment, ending: FinishReason | None) -> dict[str, Any]:
        """Return the next part of a text."""
        offset = self._offsets.get(index, 0)
        self._offsets[index] = offset + len(segment.text)
        logprobs = logprobs_table(segment.tokens, offset) if self._with_logprobs else None
        return {"index": index, "text": segment.text, "logprobs": logprobs, "finish_reason": ending}


def usage_table(prompt_tokens: int, completion_tokens: int) -> dict[str, int]:
    """Return the numbers of tokens."""
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }


def finish_reason(ending: Ending | None) -> FinishReason:
    """Return OpenAI's name of the reason for the end of a text."""
    return "stop" if ending in ("stop", "end") else "length"


def logprobs_table(tokens: tuple[ShownToken, ...], offset: int) -> dict[str, Any]:
    """Return the log-probabilities of tokens, the first of which begins at a character of the text."""
    offsets = []
    for token in tokens:
        offsets.append(offset)
        offset += len(token.text)
    return {
        "tokens": [token.text for token in tokens],
        "token_logprobs": [None if token.log_prob is None else _finite(token.log_prob) for token in tokens],
        "top_logprobs": [
            None if token.top is None else {text: _finite(log_prob) for text, log_prob in token.top.items()}
            for token in tokens
        ],
        "text_offset": offsets,
    }


def _finite(log_prob: float) -> float:
    return max(log_prob, LOWEST_LOG_PROB)
