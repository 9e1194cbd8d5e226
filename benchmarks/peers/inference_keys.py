"""Press keys one after the other on one core, and request suggestions after each, like a keyboard."""

import os

if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # before any library starts its threads

import random
import time
from collections.abc import Iterator
from typing import Any

from inference_ours import describe, open_bundle
from nextword.inference.suggestion.session import SuggestionSession
from peer_protocol import Run, serve

_WARM_UP_KEYS = 50
_NUM_SUGGESTIONS = 3


def prepare(settings: dict[str, Any]) -> tuple[dict[str, Any], Run]:
    """Start the engine, and begin a text."""
    model = open_bundle(settings)
    session = SuggestionSession(model)
    keys = random_keys(model.tokenizer.vocabulary.tokens)

    def press() -> float:
        key = next(keys)
        start = time.perf_counter()
        session.type(key)
        session.suggestions(_NUM_SUGGESTIONS)
        return time.perf_counter() - start

    return describe(settings), lambda steps: {"key": [press() for _ in range(steps)]}


def random_keys(tokens: tuple[str, ...]) -> Iterator[str]:
    """Yield the characters of words of a vocabulary, those of small ids more often, with a space after each."""
    chance = random.Random(0)  # noqa: S311  # no secret depends on it
    words = [token for token in tokens if token.isalpha()]
    while True:
        yield from words[int(len(words) ** chance.random()) - 1] + " "


if __name__ == "__main__":
    serve(prepare, warm_up_steps=_WARM_UP_KEYS)
