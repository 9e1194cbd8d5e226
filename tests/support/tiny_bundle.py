"""Small bundles with `model.onnx`, which onnxruntime runs; made without a training framework."""

from pathlib import Path
from typing import Any

from nextword.bundle.bundle import Bundle
from nextword.bundle.store import write_bundle
from nextword.export.language_model_graph import language_model_graph
from nextword.model.architecture import Architecture
from nextword.text.options import LineEnds, TokenizerKind
from nextword.text.tokens.tokenizer import Tokenizer
from nextword.text.tokens.vocabulary import Vocabulary
from support.random_weights import random_weights
from support.small_mixture import with_mixture

WORDS = ("<unk>", "<eos>", "it", "is", "so", "and", "was", "not", ", ", ".")


def tiny_bundle(
    name: str = "tiny",
    *,
    seed: int = 1,
    kind: TokenizerKind = "word",
    line_ends: LineEnds = "line",
    tokens: tuple[str, ...] = WORDS,
    mixes: bool = False,
) -> Bundle:
    """Return a model of a few words with random weights, with a mixture if `mixes`; another seed gives another one."""
    tokenizer = Tokenizer(kind, line_ends, Vocabulary(tokens))
    sizes: dict[str, Any] = {"vocabulary_size": len(tokens), "embedding_size": 6, "hidden_sizes": (5, 6)}
    architecture = Architecture(**sizes, tied=True)
    weights = random_weights(architecture, seed)
    onnx = language_model_graph(architecture, weights).SerializeToString()
    bundle = Bundle(name, architecture, tokenizer, weights, f"# {name}\n\nA card.\n", onnx)
    return with_mixture(bundle) if mixes else bundle


def write_tiny_bundle(
    path: Path, name: str = "tiny", *, seed: int = 1, replace: bool = False, mixes: bool = False
) -> Path:
    """Write such a model into a directory, and return the directory."""
    write_bundle(path, tiny_bundle(name, seed=seed, mixes=mixes), replace=replace)
    return path
