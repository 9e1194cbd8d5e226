"""How often the first guess of the sample model is right, by the probability that it gave it; and with a temperature.

python benchmarks/calibration.py docs/learn/data/calibration.json

The first 5,000 tokens of the test split of Austen, in groups of equal width. The temperature is the one with the lowest
loss on the first 5,000 tokens of the validation split.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import nextword
from harness.report import provenance
from nextword.engine.stream import predictions
from nextword.system.files import write_file

NUM_TOKENS, NUM_GROUPS = 5000, 10
TEMPERATURES = np.arange(0.9, 1.5, 0.01)

Floats = NDArray[np.floating]


def log_probs_of(model: nextword.TrainedModel, ids: NDArray[np.int32]) -> Floats:
    """Return the log-probabilities `(N, V)` of all tokens at each position."""
    return np.stack([np.array(row, np.float32) for row in predictions(model.engine, ids, 0)])


def at_temperature(log_probs: Floats, temperature: float) -> Floats:
    """Return log-probabilities whose logits are divided by a temperature."""
    scaled = log_probs / temperature
    top = scaled.max(axis=1, keepdims=True)
    return scaled - top - np.log(np.exp(scaled - top).sum(axis=1, keepdims=True))


def calibration(log_probs: Floats, ids: NDArray[np.int32]) -> tuple[list[float], list[float]]:
    """Return mean probability and accuracy of the first guesses, in percent, for each group that has any."""
    said, right = np.exp(log_probs.max(axis=1)), log_probs.argmax(axis=1) == ids
    groups = np.minimum((said * NUM_GROUPS).astype(int), NUM_GROUPS - 1)
    held = np.unique(groups)
    means = [(said[groups == group].mean(), right[groups == group].mean()) for group in held]
    return [round(100 * float(mean), 1) for mean, _ in means], [round(100 * float(mean), 1) for _, mean in means]


def measured() -> dict[str, Any]:
    """Return the curves of the sample model."""
    model = nextword.load("austen", method="static")
    corpus = nextword.Corpus.load("austen", tokenizer=model.tokenizer)
    valid, test = corpus.valid.ids[:NUM_TOKENS], corpus.test.ids[:NUM_TOKENS]
    on_valid, on_test = log_probs_of(model, valid), log_probs_of(model, test)
    every = np.arange(NUM_TOKENS)
    losses = [-at_temperature(on_valid, value)[every, valid].mean() for value in TEMPERATURES]
    temperature = round(float(TEMPERATURES[int(np.argmin(losses))]), 2)
    warm = at_temperature(on_test, temperature)
    says, right = calibration(on_test, test)
    says_warm, right_warm = calibration(warm, test)
    before, after = (float(np.exp(-values[every, test].mean())) for values in (on_test, warm))
    return {
        "temperature": temperature,
        "perplexity": [round(before, 1), round(after, 1)],
        "says": says,
        "right": right,
        "says_warm": says_warm,
        "right_warm": right_warm,
    }


if __name__ == "__main__":
    path = Path(sys.argv[1])
    table = {"command": f"python benchmarks/calibration.py {path}", **provenance(), **measured()}
    write_file(path, json.dumps(table, indent=1).encode() + b"\n")
    print(table)
