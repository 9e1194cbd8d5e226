"""nextword's exported model at work, by the `task` of the settings.

step     a step of one text: a token in, the log-probabilities of all next tokens out, the state carried. With
         `buffer_bytes`, one thread also reads memory: the largest byte of a buffer that no cache can hold
score    a share of the sentences, as `nextword score` does, batches and padding included
load     read a bundle from the disk and start it, in a process that has done so before
keys     type a key and request suggestions, on one core, like a keyboard
batches  a step of several texts at once, for each of `batch_sizes`
"""

import json
import os
import sys

if hasattr(os, "sched_setaffinity") and json.loads(sys.argv[1])["task"] == "keys":
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # before any library starts its threads

import random
import time
from collections.abc import Callable, Iterator
from itertools import count, cycle
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

import nextword
from inference_shares import read_shares
from nextword.engine.opening import open_model
from nextword.engine.text_model import LoadedModel
from nextword.inference.scoring.lines import score_sentences
from nextword.inference.suggestion.session import SuggestionSession
from peer_protocol import Run, described, serve

_WARM_UP_STEPS = {"step": 20, "score": 1, "load": 3, "keys": 50, "batches": 20}
_STEPS_PER_READ = 20
_TOKENS_BEFORE = 1000

Settings = dict[str, Any]


def prepare(settings: Settings) -> tuple[dict[str, Any], Run]:
    """Start the engine, and prepare the task."""
    versions = {"nextword": nextword.__version__, "onnxruntime": onnxruntime.__version__, "numpy": np.__version__}
    description = described(settings["parameters"], settings["precision"], versions, threads=settings["threads"])
    return description, _TASKS[settings["task"]](settings)


def opened(settings: Settings) -> LoadedModel:
    """Return the model, running by onnxruntime."""
    return open_model(Path(settings["bundle"]), "onnx", num_threads=settings["threads"])


def timed(work: Callable[[], Any]) -> float:
    """Return the wall seconds of some work."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def steps_of_a_text(settings: Settings) -> Run:
    """Return what takes steps of a random text."""
    engine = opened(settings).engine
    ids = cycle(np.random.default_rng(0).integers(engine.vocabulary_size, size=(1000, 1), dtype=np.int32))
    buffer, state = np.ones(settings["buffer_bytes"], np.int8), engine.start(1)
    for _ in range(_TOKENS_BEFORE):  # a cache is full then
        _, state = engine.step(next(ids), state)

    def step() -> None:
        nonlocal state
        _, state = engine.step(next(ids), state)

    def run(steps: int) -> dict[str, list[float]]:
        seconds = {"step": [timed(step) for _ in range(steps)]}
        if len(buffer):
            seconds["read"] = [timed(buffer.max) for _ in range(-(-steps // _STEPS_PER_READ))]
        return seconds

    return run


def scores(settings: Settings) -> Run:
    """Return what scores shares of the sentences in turn."""
    engine = opened(settings).engine
    shares = [np.split(share["ids"], np.cumsum(share["lengths"])[:-1]) for share in read_shares(settings)]
    turns = count()

    def score() -> None:
        score_sentences(engine, shares[next(turns) % len(shares)], first_input=engine.end_id, ranks=False)

    return lambda steps: {"share": [timed(score) for _ in range(steps)]}


def keys(settings: Settings) -> Run:
    """Return a function that types words, frequent ones more often, with a space after each."""
    model = opened(settings)
    session, chance = SuggestionSession(model), random.Random(0)  # noqa: S311  # no secret depends on it
    words = [token for token in model.tokenizer.vocabulary.tokens if token.isalpha()]

    def characters() -> Iterator[str]:
        while True:
            yield from words[int(len(words) ** chance.random()) - 1] + " "

    typed = characters()

    def press() -> None:
        session.type(next(typed))
        session.suggestions(3)

    return lambda steps: {"key": [timed(press) for _ in range(steps)]}


def loads(settings: Settings) -> Run:
    """Return what reads and starts the model."""
    return lambda steps: {"load": [timed(lambda: opened(settings)) for _ in range(steps)]}


def batches(settings: Settings) -> Run:
    """Return what takes steps of several texts at once."""
    engine, generator = opened(settings).engine, np.random.default_rng(0)
    states = {size: engine.start(size) for size in settings["batch_sizes"]}

    def step(size: int) -> float:
        ids = generator.integers(engine.vocabulary_size, size=size, dtype=np.int32)
        start = time.perf_counter()
        _, states[size] = engine.step(ids, states[size])
        return time.perf_counter() - start

    return lambda steps: {str(size): [step(size) for _ in range(steps)] for size in states}


_TASKS: dict[str, Callable[[Settings], Run]] = {
    "step": steps_of_a_text,
    "score": scores,
    "load": loads,
    "keys": keys,
    "batches": batches,
}

if __name__ == "__main__":
    serve(prepare, warm_up_steps=_WARM_UP_STEPS[json.loads(sys.argv[1])["task"]])
