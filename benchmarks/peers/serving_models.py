"""Makes what the serving benchmark serves, in a folder.

    float32/, int8/    bundles of random weights, exported to ONNX in that precision
    second/            another such bundle in float32, to be swapped in
    weights.npz        the weights of the first, for PyTorch
    words.json         the vocabulary
    check.json         a text, and its log-probabilities by nextword

It answers one line, `{"made": {...}}`, and ends.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

import nextword
from harness.inference.random_model import random_sentences, random_tokenizer, random_weights
from harness.inference.settings import ModelSize
from nextword.bundle.bundle import Bundle
from nextword.bundle.store import write_bundle
from nextword.engine.opening import open_model
from nextword.export.export import NamedText, export_bundle
from nextword.export.options import ExportOptions
from peer_protocol import open_answers

_TRIED_SENTENCES = 50
_CHECKED_SENTENCES = 3
_CARD = "# A model of random weights\n"
# The perplexity of random weights changes by chance in eight bits.
_INT8 = ExportOptions(int8=True, max_loss_percent=100.0)


def make(task: dict[str, Any]) -> dict[str, Any]:
    """Make everything, and return its description."""
    folder, size, seed = Path(task["folder"]), ModelSize.from_table(task["model"]), task["seed"]
    tokenizer = random_tokenizer(size.vocabulary_size, seed)
    weights = random_weights(size.architecture, seed)
    others = random_weights(size.architecture, seed + 1)
    end_id = tokenizer.vocabulary.end_id
    text = NamedText(
        "random words", np.concatenate(random_sentences(_TRIED_SENTENCES, size.vocabulary_size, end_id, seed))
    )
    plans = {"float32": (weights, ExportOptions()), "int8": (weights, _INT8), "second": (others, ExportOptions())}
    sizes = {}
    for name, (values, options) in plans.items():
        # The second takes the first one's place, so it has its name.
        bundle = Bundle("float32" if name == "second" else name, size.architecture, tokenizer, values, _CARD)
        write_bundle(folder / name, bundle)
        sizes[name] = export_bundle(folder / name, options, text=lambda _bundle: text).num_bytes
    np.savez(folder / "weights.npz", **weights)  # type: ignore[arg-type]  # names never collide with its options
    _write_json(folder / "words.json", tokenizer.vocabulary.tokens)
    ids = np.concatenate(random_sentences(_CHECKED_SENTENCES, size.vocabulary_size, end_id, seed + 1))[None]
    scores = open_model(folder / "float32", "onnx").engine.score(ids, np.array([ids.shape[1]], np.int32))
    _write_json(folder / "check.json", {"ids": ids[0].tolist(), "log_probs": scores.log_probs[0].tolist()})
    return {"onnx_bytes": sizes, "nextword": nextword.__version__}


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


if __name__ == "__main__":
    answers = open_answers()
    print(json.dumps({"made": make(json.loads(sys.argv[1]))}), file=answers, flush=True)
