"""Shared code of the programs of the quality benchmark, which get the same minutes.

    harness                                  peer
    starts PROGRAM '{"ids": "FOLDER", "vocabulary_size": 10000, "end_id": 24, "minutes": 30, "seed": 0}'
                                             trains until the time is over, and validates by its recipe
                                             {"round": {"seconds": 60.2, "tokens": 9000, "valid_perplexity": 250.1}}
                                             ...
                                             evaluates on valid and test, which is not part of the time
                                             {"result": {"parameters": 1, "tokens": 9000, "seconds": 1800.1, ...}}

The folder holds `train.npy`, `valid.npy` and `test.npy`. Every token of a split is predicted exactly once, `<eos>`
included, the first of them from an `<eos>`. Like the peers of the training benchmark, these are programs that may run
in another Python than nextword's, from 3.10 on, and can be tried by hand:

    python quality_transformer.py '{"ids": ...}'
"""

import json
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from peer_protocol import (
    children_peak_memory_bytes,
    num_threads,
    open_answers,
    open_requests,
    peak_memory_bytes,
)

AS_USED = "as used"
"""The method of a model with what it has besides its network, which others do not have."""

Ids = NDArray[np.int64]

# The sum over a split's tokens of -ln p, by the method of evaluation.
Evaluate = Callable[[Ids], dict[str, float]]


@dataclass
class Task:
    """The task of a program."""

    ids: str
    vocabulary_size: int
    end_id: int
    minutes: float
    seed: int = 0
    recipe: dict[str, Any] = field(default_factory=dict)
    text: str = ""

    def split(self, name: str) -> Ids:
        """Return the ids of a split `(N,)`."""
        ids: Ids = np.load(Path(self.ids) / f"{name}.npy").astype(np.int64)
        return ids

    def vectors(self) -> NDArray[np.float32]:
        """Return the word vectors of the training text `(V, D)`, which are there for a `start` from "counts"."""
        vectors: NDArray[np.float32] = np.load(Path(self.ids) / "vectors.npy")
        return vectors

    def require_known(self, *settings: str) -> None:
        """Refuse a recipe with settings that the program does not have."""
        unknown = sorted(self.recipe.keys() - set(settings))
        if unknown:
            raise ValueError(f"`{unknown[0]}` is not a setting of this program; known: {', '.join(settings) or 'none'}")

    def start_clock(self) -> "Clock":
        """Return a clock that starts now."""
        return Clock(60 * self.minutes)


class Clock:
    """The time that training may take."""

    def __init__(self, budget: float) -> None:
        self.budget = budget
        self._start = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self._start

    @property
    def part(self) -> float:
        """The part of the time that has passed, 0 to 1."""
        return min(1.0, self.seconds / self.budget)

    @property
    def over(self) -> bool:
        """Whether the time is over."""
        return self.seconds >= self.budget


@dataclass
class Outcome:
    """The result of a program.

    Attributes:
        parameters: Number of trainable scalars.
        tokens: Number of tokens trained on, repetitions included.
        seconds: Seconds of training, validation included.
        evaluate: Returns, for the ids of a split, the sum of -ln p by the method of evaluation.
        dtype: Precision of the matrix products in training.
        versions: Versions of the relevant packages.
        recipe: The settings, in numbers.
    """

    parameters: int
    tokens: int
    seconds: float
    evaluate: Evaluate
    dtype: str
    versions: dict[str, str]
    recipe: dict[str, Any]


Say = Callable[[dict[str, Any]], None]


def compete(train: Callable[[Task, Say], Outcome]) -> None:
    """Speak the protocol: train, evaluate, report.

    Args:
        train: Gets the task and a function that reports each round.
    """
    answers = open_answers()
    if stat.S_ISFIFO(os.fstat(0).st_mode):
        open_requests()  # which end this process with the harness, at the other end of the pipe

    def say(kind: str, table: dict[str, Any]) -> None:
        print(json.dumps({kind: table}), file=answers, flush=True)

    task = Task(**json.loads(sys.argv[1]))
    outcome = train(task, lambda table: say("round", table))
    start = time.perf_counter()
    perplexities = exact_perplexities(task, outcome.evaluate)
    say(
        "result",
        {
            "parameters": outcome.parameters,
            "tokens": outcome.tokens,
            "epochs": outcome.tokens / len(task.split("train")),
            "seconds": outcome.seconds,
            "perplexities": perplexities,
            "evaluation_seconds": time.perf_counter() - start,
            "dtype": outcome.dtype,
            "threads": num_threads(),
            "versions": outcome.versions,
            "recipe": outcome.recipe,
            "peak_memory_bytes": max(peak_memory_bytes(), children_peak_memory_bytes()),
        },
    )


def exact_perplexities(task: Task, evaluate: Evaluate) -> dict[str, dict[str, float]]:
    """Return `exp(-sum of ln p / N)` of valid and test by method, with `N` the number of tokens of the split."""
    perplexities: dict[str, dict[str, float]] = {}
    for name in ("valid", "test"):
        ids = task.split(name)
        for method, total in evaluate(ids).items():
            perplexities.setdefault(method, {})[name] = float(np.exp(total / len(ids)))
    return perplexities


def shifted(ids: Ids, end_id: int) -> Ids:
    """Return the token before each token `(N,)`, an `<eos>` before the first."""
    return np.concatenate([[end_id], ids[:-1]])


class Slide(NamedTuple):
    """A window of targets from `start` on, of which those from `counted` on are counted."""

    start: int
    stop: int
    counted: int


def slides(num_tokens: int, context: int, stride: int) -> Iterator[Slide]:
    """Yield windows of at most `context` tokens that count each token exactly once.

    The first window counts all of its tokens, each further one begins `stride` tokens later and counts those that the
    windows before did not. So every token has `context - stride` tokens before it, or all that there are.
    """
    counted = 0
    while counted < num_tokens:
        stop = min(num_tokens, counted + stride if counted else context)
        yield Slide(max(0, stop - context), stop, counted)
        counted = stop
