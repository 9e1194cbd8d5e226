"""Trains on a text, in a process of its own: `python -m harness.scale.training_program TEXT FOLDER WORDS`.

It answers each line of its input with a line of JSON: the first with its process number, the second with the rounds.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

_SETTINGS: dict[str, Any] = {
    "tokenizer": "word",
    "maximum_vocabulary": 10_000,
    "valid_fraction": 0.001,
    "test_fraction": 0.001,
    "embedding_size": 64,
    "hidden_sizes": (64,),
    "batch_size": 64,
    "num_steps": 35,
    "round_steps": 200,
    "start": "random",
}
"""A small network: the text is what is measured."""

_TEXT_SETTINGS = ("tokenizer", "maximum_vocabulary", "valid_fraction", "test_fraction")


def main() -> None:
    """Answer two lines."""
    text, folder, num_words = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    os.environ["NEXTWORD_CACHE"] = str(folder / "cache")
    sys.stdin.readline()
    print(json.dumps({"process": os.getpid()}), flush=True)
    sys.stdin.readline()
    import nextword

    options = nextword.TextOptions().replace(**{name: _SETTINGS[name] for name in _TEXT_SETTINGS})
    corpus = nextword.Corpus.load(text, options)
    epochs = num_words / corpus.train.num_tokens
    nextword.train(corpus, epochs=epochs, settings=_SETTINGS, run=folder / "run", preset="quick", verbose=0)
    log = (folder / "run" / "log.jsonl").read_text(encoding="utf-8")
    rounds = [json.loads(line) for line in log.splitlines()]
    names = ("seconds", "words_per_second", "valid_perplexity")
    print(json.dumps({"rounds": [{name: each[name] for name in names} for each in rounds]}), flush=True)


if __name__ == "__main__":
    main()
