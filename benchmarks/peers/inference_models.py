"""Write the files that the peers of the inference benchmark need: models, sentences, PyTorch's weights.

    int8/ float32/      bundles that `nextword export` has made
    weights.npz         the weights of both, by their names in a bundle
    share-0.npz ...     sentences as ids, and the batches that `nextword score` makes of them

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
from nextword.engine.engine import Engine
from nextword.engine.opening import open_model
from nextword.engine.stream import sentence_batches
from nextword.export.export import NamedText, export_bundle
from nextword.export.options import ExportOptions
from nextword.text.batching.window import TokenIds
from peer_protocol import open_answers

_TRIED_SENTENCES = 50
# The perplexity of random weights changes by chance in eight bits.
_INT8 = ExportOptions(int8=True, max_loss_percent=100.0)


def make(task: dict[str, Any]) -> dict[str, Any]:
    """Make everything, and return its description."""
    folder, size = Path(task["folder"]), ModelSize.from_table(task["model"])
    tokenizer = random_tokenizer(size.vocabulary_size, task["seed"])
    weights = random_weights(size.architecture, task["seed"])
    end_id = tokenizer.vocabulary.end_id
    np.savez(folder / "weights.npz", **weights)  # type: ignore[arg-type]  # names never collide with its options
    tried = random_sentences(_TRIED_SENTENCES, size.vocabulary_size, end_id, task["seed"])
    text = NamedText("random words", np.concatenate(tried))
    sizes = {}
    for name, options in (("float32", ExportOptions()), ("int8", _INT8)):
        bundle = Bundle(name, size.architecture, tokenizer, weights, "# A model of random weights\n")
        write_bundle(folder / name, bundle)
        sizes[name] = export_bundle(folder / name, options, text=lambda _bundle: text).num_bytes
    sentences = random_sentences(task["sentences"], size.vocabulary_size, end_id, task["seed"] + 1)
    engine = open_model(folder / "float32", "onnx").engine
    for share in range(task["shares"]):
        _write_share(folder / f"share-{share}.npz", sentences[share :: task["shares"]], engine)
    return {
        "onnx_bytes": sizes,
        "words": sum(map(len, sentences)),
        "nextword": nextword.__version__,
    }


def _write_share(path: Path, sentences: list[TokenIds], engine: Engine) -> None:
    """Write the sentences one after the other, their batches, and the log-probabilities of the first batch."""
    batches = sentence_batches(engine)
    arrays = {"ids": np.concatenate(sentences), "lengths": np.array([*map(len, sentences)])}
    for index, rows in enumerate(batches.batches([len(sentence) for sentence in sentences])):
        padded = batches.padded([sentences[row] for row in rows], engine.end_id)
        arrays |= {f"inputs_{index}": padded.inputs, f"targets_{index}": padded.targets}
        arrays |= {f"lengths_{index}": padded.lengths}
        if index == 0:
            scores, _ = engine.score_window(padded.inputs, padded.targets, engine.start(len(padded.inputs)))
            arrays["log_probs_0"] = scores.log_probs
    np.savez(path, **arrays)  # type: ignore[arg-type]


if __name__ == "__main__":
    answers = open_answers()
    print(json.dumps({"made": make(json.loads(sys.argv[1]))}), file=answers, flush=True)
