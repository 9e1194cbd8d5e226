"""Trains on a text, in a process of its own: `python -m harness.scale.training_program TEXT CACHE RUN WORDS SETTINGS`.

It answers each line of its input with a line of JSON: the first with its process number, the second when the text is
read, the third when all windows of an epoch were cut once, the fourth with the rounds of the training. Each part of a
task has the `time` at which it ended by `time.monotonic`, its `words_per_second`, and its `words_per_cpu_second`, which
other programs on the machine hardly change.
"""

import json
import os
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path
from queue import SimpleQueue
from typing import Any

_TEXT_SETTINGS = ("tokenizer", "maximum_vocabulary", "minimum_count", "line_ends")

_PARTS = 40
"""Parts of an epoch whose windows are timed."""


def main() -> None:
    """Answer four lines."""
    text, run, num_words = sys.argv[1], Path(sys.argv[3]), int(sys.argv[4])
    settings: dict[str, Any] = json.loads(sys.argv[5])
    os.environ["NEXTWORD_CACHE"] = sys.argv[2]
    threading.Thread(target=_listen, daemon=True).start()
    _answer({"process": os.getpid()})
    import nextword
    from nextword.text.batching.options import BatchOptions

    options = nextword.TextOptions().replace(**{name: settings[name] for name in _TEXT_SETTINGS if name in settings})
    began = time.perf_counter()
    corpus = nextword.Corpus.load(text, options)
    _answer(
        {
            "seconds": time.perf_counter() - began,
            "num_tokens": corpus.train.num_tokens,
            "vocabulary_size": corpus.tokenizer.vocabulary_size,
        }
    )
    batching = BatchOptions().replace(batch_size=settings["batch_size"], num_steps=settings["num_steps"])
    _answer({"parts": _cut_windows(corpus, batching)})
    marks = [_now()]
    nextword.train(
        corpus,
        epochs=num_words / corpus.train.num_tokens,
        settings=settings,
        run=run,
        preset="quick",
        verbose=0,
        callbacks=[_marking(marks)],
    )
    log = [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    words = settings["batch_size"] * settings["num_steps"] * settings["round_steps"]
    parts = [
        _part(words, *span) | {name: each[name] for name in ("words_per_second", "valid_perplexity")}
        for each, span in zip(log, pairwise(marks), strict=True)
    ]
    _answer({"parts": parts[:-1] or parts, "valid_perplexity": log[-1]["valid_perplexity"]})  # the last may be short


def _now() -> tuple[float, float]:
    return time.monotonic(), time.process_time()


def _part(words: float, began: tuple[float, float], ended: tuple[float, float]) -> dict[str, float]:
    return {
        "time": ended[0],
        "words_per_second": words / (ended[0] - began[0]),
        "words_per_cpu_second": words / (ended[1] - began[1]),
    }


def _cut_windows(corpus: Any, options: Any) -> list[dict[str, float]]:
    """Cut each window of an epoch once, and return the words and the time of each part of it."""
    from nextword.text.batching.windows import make_windows

    windows = make_windows(corpus.train.ids, options, end_id=corpus.tokenizer.vocabulary.end_id)
    edges = [number * windows.steps_per_epoch // _PARTS for number in range(_PARTS + 1)]
    parts, began = [], _now()
    for first, last in pairwise(edges):
        words = sum(float(windows.window(step).weights.sum()) for step in range(first, last))
        ended = _now()
        parts.append(_part(words, began, ended))
        began = ended
    return parts


def _marking(marks: list[tuple[float, float]]) -> Any:
    import keras

    class Marking(keras.callbacks.Callback):
        def on_epoch_end(self, _epoch: int, _logs: Any = None) -> None:
            marks.append(_now())

    return Marking()


_asked: "SimpleQueue[str]" = SimpleQueue()


def _listen() -> None:
    for line in sys.stdin:
        _asked.put(line)
    os._exit(0)  # the program that asks has ended


def _answer(table: dict[str, Any]) -> None:
    _asked.get()
    print(json.dumps(table), flush=True)


if __name__ == "__main__":
    main()
