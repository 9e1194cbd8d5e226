"""Trains on a text: `python scale_training.py TEXT CACHE RUN WORDS SETTINGS`.

It answers each line of its input with a line of JSON: the first with its process number, the second when the text is
read, the third when all windows of an epoch were made once, the fourth with the rounds of the training run. Each part
of a task has the `time` at which it ended by `time.monotonic`, its `words_per_second`, and its `words_per_cpu_second`,
which other programs on the machine hardly change.
"""

import json
import os
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peer_protocol import answer_in_turn

if TYPE_CHECKING:
    from nextword.text.corpus import Corpus

_TEXT_SETTINGS = ("tokenizer", "maximum_vocabulary", "minimum_count", "line_ends")

_PARTS = 40
"""Parts of an epoch whose windows are timed."""

Instant = tuple[float, float]
"""The time, and the processor time of this process."""


def main() -> None:
    """Answer four lines."""
    text, run, num_words = sys.argv[1], Path(sys.argv[3]), int(sys.argv[4])
    settings: dict[str, Any] = json.loads(sys.argv[5])
    os.environ["NEXTWORD_CACHE"] = sys.argv[2]
    corpora: list[Corpus] = []

    def read() -> dict[str, Any]:
        import nextword

        chosen = {name: settings[name] for name in _TEXT_SETTINGS if name in settings}
        start = time.perf_counter()
        corpora.append(nextword.Corpus.load(text, nextword.TextOptions().replace(**chosen)))
        seconds, corpus = time.perf_counter() - start, corpora[0]
        size = corpus.tokenizer.vocabulary_size
        return {"seconds": seconds, "num_tokens": corpus.train.num_tokens, "vocabulary_size": size}

    answer_in_turn(
        lambda: {"process": os.getpid()},
        read,
        lambda: {"parts": windows_of_an_epoch(corpora[0], settings)},
        lambda: trained(corpora[0], settings, run, num_words),
    )


def windows_of_an_epoch(corpus: "Corpus", settings: dict[str, Any]) -> list[dict[str, float]]:
    """Make each window of an epoch once, and return the speed of each part of it."""
    from nextword.text.batching.streams import make_windows
    from nextword.text.options import BatchOptions

    options = BatchOptions().replace(batch_size=settings["batch_size"], num_steps=settings["num_steps"])
    windows = make_windows(corpus.train.ids, options, end_id=corpus.tokenizer.vocabulary.end_id)
    edges = [number * windows.steps_per_epoch // _PARTS for number in range(_PARTS + 1)]
    words, instants = [], [now()]
    for first, last in pairwise(edges):
        words.append(sum(float(windows.window(step).weights.sum()) for step in range(first, last)))
        instants.append(now())
    return [part(count, *span) for count, span in zip(words, pairwise(instants), strict=True)]


def trained(corpus: "Corpus", settings: dict[str, Any], run: Path, num_words: int) -> dict[str, Any]:
    """Train, and return the speed of each round, and the last validation perplexity."""
    import keras

    import nextword

    instants = [now()]

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, _epoch: int, _logs: Any = None) -> None:
            instants.append(now())

    epochs = num_words / corpus.train.num_tokens
    nextword.train(corpus, epochs=epochs, settings=settings, run=run, preset="quick", verbose=0, callbacks=[Watch()])
    log = [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    words = settings["batch_size"] * settings["num_steps"] * settings["round_steps"]
    parts = [
        part(words, *span) | {"words_per_second": record["words_per_second"]}
        for record, span in zip(log, pairwise(instants), strict=True)
    ]
    return {"parts": parts[:-1] or parts, "valid_perplexity": log[-1]["valid_perplexity"]}  # the last may be short


def now() -> Instant:
    """Return the current instant."""
    return time.monotonic(), time.process_time()


def part(words: float, start: Instant, end: Instant) -> dict[str, float]:
    """Return the speed of a part of a task."""
    speeds = {"words_per_second": words / (end[0] - start[0]), "words_per_cpu_second": words / (end[1] - start[1])}
    return {"time": end[0], **speeds}


if __name__ == "__main__":
    main()
