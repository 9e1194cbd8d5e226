"""Trains on a text, in a process of its own: `python -m harness.scale.training_program TEXT FOLDER WORDS SETTINGS`.

It answers each line of its input with a line of JSON: the first with its process number, the second when the text is
read, the third when all windows of an epoch were cut once, the fourth with the rounds of the training. Times are those
of `time.monotonic`.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

_TEXT_SETTINGS = ("tokenizer", "maximum_vocabulary", "minimum_count", "line_ends")

_PARTS = 40
"""Parts of an epoch whose windows are timed."""


def main() -> None:
    """Answer four lines."""
    text, folder, num_words = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    settings: dict[str, Any] = json.loads(sys.argv[4])
    os.environ["NEXTWORD_CACHE"] = str(folder / "cache")
    _answer({"process": os.getpid()})
    import nextword
    from nextword.batching.options import BatchOptions

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
    marks = [time.monotonic()]
    nextword.train(
        corpus,
        epochs=num_words / corpus.train.num_tokens,
        settings=settings,
        run=folder / "run",
        preset="quick",
        verbose=0,
        callbacks=[_marking(marks)],
    )
    log = (folder / "run" / "log.jsonl").read_text(encoding="utf-8")
    names = ("step", "words_per_second", "valid_perplexity")
    rounds = [{name: json.loads(line)[name] for name in names} for line in log.splitlines()]
    _answer({"rounds": [each | {"time": at} for each, at in zip(rounds, marks[1:], strict=True)]})


def _cut_windows(corpus: Any, options: Any) -> list[dict[str, float]]:
    """Cut each window of an epoch once, and return the words and the time of each part of it."""
    from nextword.batching.windows import make_windows

    windows = make_windows(corpus.train.ids, options, end_id=corpus.tokenizer.vocabulary.end_id)
    edges = [number * windows.steps_per_epoch // _PARTS for number in range(_PARTS + 1)]
    parts = []
    for first, last in zip(edges, edges[1:], strict=False):
        began = time.monotonic()
        words = sum(float(windows.window(step).weights.sum()) for step in range(first, last))
        ended = time.monotonic()
        parts.append({"words_per_second": words / (ended - began), "time": ended})
    return parts


def _marking(marks: list[float]) -> Any:
    import keras

    class Marking(keras.callbacks.Callback):  # type: ignore[misc]
        def on_epoch_end(self, _epoch: int, _logs: Any = None) -> None:
            marks.append(time.monotonic())

    return Marking()


def _answer(table: dict[str, Any]) -> None:
    sys.stdin.readline()
    print(json.dumps(table), flush=True)


if __name__ == "__main__":
    main()
