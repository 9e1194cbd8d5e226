"""Write models of random weights for the benchmarks of inference and of the service: speed does not depend on weights.

    float32/ int8/      bundles that `nextword export` has made, of the same weights
    mixture/            the second with n-grams, as many as it may hold, and a cache
    weights.npz         their weights, for PyTorch, by their names in a bundle
    words.json          the vocabulary
    check.json          a text, and its log-probabilities by nextword
    share-0.npz ...     with "shares": sentences as ids, and the batches that `nextword score` makes of them

It answers one line, `{"made": {...}}`, and ends.
"""

import json
import random
import sys
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import nextword
from nextword.bundle.bundle import Bundle
from nextword.bundle.files import max_ngram_bytes
from nextword.bundle.mixture import Gates, Mixture, MixtureSettings
from nextword.bundle.store import read_bundle, write_bundle
from nextword.engine.engine import Engine
from nextword.engine.mixture.kneser_ney import KneserNeyModel
from nextword.engine.mixture.pruning import packed_within
from nextword.engine.opening import open_model
from nextword.engine.stream import sentence_batches
from nextword.export.export import NamedText, export_bundle
from nextword.export.options import ExportOptions
from nextword.model.architecture import Architecture, useful_flops_per_word
from nextword.text.batching.window import TokenIds
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import END, UNKNOWN, Vocabulary
from peer_protocol import open_answers

_ONSETS = ("b", "br", "c", "ch", "d", "f", "g", "gr", "h", "j", "l", "m", "n", "p", "r", "s", "st", "t", "tr", "v", "w")
_SYLLABLES = ["".join(parts) for parts in product(_ONSETS, ("a", "e", "i", "o", "u", "ai", "ea"), ("", "n", "r", "s"))]
_MARKS = (", ", ".", "; ", "?")

# A gamma distribution for sentences as long as in the Penn Treebank: with <eos> 22.1 tokens on average,
# a standard deviation of 10.
_LENGTH_SHAPE, _LENGTH_SCALE = 4.2, 5.03

_LOGIT_DEVIATION = 2.0
"""How far logits are apart: about as far as those of a trained model."""

_FLOPS_PER_WEIGHT = 6
"""Of training: a multiplication and an addition forward, and twice as many backward."""

# The perplexity of random weights changes by chance in eight bits.
_MIXED_SENTENCES = 40_000
_OPTIONS = {"float32": ExportOptions(), "int8": ExportOptions(int8=True, max_loss_percent=100.0)}


def make(task: dict[str, Any]) -> dict[str, Any]:
    """Make everything, and return its description."""
    folder, model, seed = Path(task["folder"]), task["model"], task["seed"]
    sizes = (model["hidden_size"],) * model["num_layers"]
    vocabulary_size = model["vocabulary_size"]
    architecture = Architecture(
        vocabulary_size=vocabulary_size, embedding_size=model["hidden_size"], hidden_sizes=sizes, tied=True
    )
    tokenizer, weights = random_tokenizer(vocabulary_size, seed), random_weights(architecture, seed)
    end_id = tokenizer.vocabulary.end_id
    text = NamedText("random words", np.concatenate(random_sentences(50, vocabulary_size, end_id, seed)))
    num_bytes = {}
    for name, options in _OPTIONS.items():
        write_bundle(folder / name, Bundle(name, architecture, tokenizer, weights, "# A model of random weights\n"))
        num_bytes[name] = export_bundle(folder / name, options, text=lambda _bundle: text).num_bytes
    write_bundle(
        folder / "mixture", replace(read_bundle(folder / "int8"), mixture=random_mixture(architecture, end_id, seed))
    )
    np.savez(folder / "weights.npz", **weights)  # type: ignore[arg-type]  # names never collide with its options
    (folder / "words.json").write_text(json.dumps(tokenizer.vocabulary.tokens), encoding="utf-8")
    engine = open_model(folder / "float32", "onnx").engine
    ids = np.concatenate(random_sentences(3, vocabulary_size, end_id, seed + 1))[None]
    inputs = np.concatenate(([[engine.end_id]], ids[:, :-1]), axis=1, dtype=np.int32)
    log_probs = engine.score_window(inputs, ids, engine.start(1), ranks=False)[0].log_probs
    check = {"ids": ids[0].tolist(), "log_probs": log_probs[0].tolist()}
    (folder / "check.json").write_text(json.dumps(check), encoding="utf-8")
    sentences = random_sentences(task.get("sentences", 0), vocabulary_size, end_id, seed + 1)
    for share in range(task.get("shares", 0)):
        _write_share(folder / f"share-{share}.npz", sentences[share :: task["shares"]], engine)
    return {
        "onnx_bytes": num_bytes,
        "words": sum(map(len, sentences)),
        "parameters": architecture.num_parameters,
        "weights_per_step": useful_flops_per_word(architecture) // _FLOPS_PER_WEIGHT,
        "nextword": nextword.__version__,
    }


def random_tokenizer(vocabulary_size: int, seed: int) -> Tokenizer:
    """Return a tokenizer of words, of which one in eight has a capital, four punctuation marks, `<unk>` and `<eos>`."""
    chance = random.Random(seed)  # noqa: S311  # no secret depends on it
    tokens = dict.fromkeys((END, UNKNOWN, *_MARKS))
    while len(tokens) < vocabulary_size:
        word = "".join(chance.choices(_SYLLABLES, k=chance.choice((1, 2, 2, 3, 3, 4))))
        tokens.setdefault(word.capitalize() if chance.random() < 1 / 8 else word)
    return Tokenizer("word", "line", Vocabulary(tuple(tokens)))


def random_weights(architecture: Architecture, seed: int) -> dict[str, NDArray[np.float32]]:
    """Return random weights: signals keep their size from layer to layer, and distributions are not uniform."""
    generator = np.random.default_rng(seed)
    hidden_deviation = 0.3 * np.sqrt(architecture.hidden_sizes[-1])
    weights = {}
    for name, shape in architecture.weight_shapes().items():
        scale = _LOGIT_DEVIATION / hidden_deviation if name == "embedding/embeddings" else 1 / np.sqrt(shape[0])
        scale = 0.1 if len(shape) == 1 else scale
        weights[name] = generator.normal(0, scale, shape).astype(np.float32)
    return weights


def random_mixture(architecture: Architecture, end_id: int, seed: int) -> Mixture:
    """Return a mixture of n-grams of random sentences, in as many bytes as it may have, a usual cache, and gates."""
    size = architecture.vocabulary_size
    ids = np.concatenate(random_sentences(_MIXED_SENTENCES, size, end_id, seed))
    model = KneserNeyModel.fit(ids, 5, vocabulary_size=size, end_id=end_id)
    ngrams = packed_within(model, ids, max_ngram_bytes(architecture), end_id=end_id)
    settings = MixtureSettings(
        ngram_weight=0.14, cache_size=1000, cache_delay=8, cache_decay=0.002, cache_weight=0.9, cache_sentinel=100.0
    )
    slopes = np.random.default_rng(seed).normal(0, 0.1, (2, architecture.hidden_sizes[-1] + 1)).tolist()
    gates = Gates(*map(tuple, slopes))
    return Mixture(settings if ngrams else settings.replace(ngram_weight=0.0), ngrams, gates)


def random_sentences(count: int, vocabulary_size: int, end_id: int, seed: int) -> list[TokenIds]:
    """Return sentences, `<eos>` at the end of each, as long as in the Penn Treebank.

    A word's probability falls with its id approximately by Zipf's law.
    """
    generator = np.random.default_rng(seed)
    lengths = np.maximum(1, generator.gamma(_LENGTH_SHAPE, _LENGTH_SCALE, count).round()).astype(np.int64)
    ids = np.minimum(vocabulary_size ** generator.random(int(lengths.sum())), vocabulary_size - 1).astype(np.int32)
    end = np.array([end_id], np.int32)
    return [np.concatenate((words, end)) for words in np.split(ids, np.cumsum(lengths)[:-1])] if count else []


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
