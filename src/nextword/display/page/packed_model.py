"""A model as one binary for the page: a header in JSON, and the weights in eight bits."""

import hashlib
import json
import struct
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextword.bundle.bundle import Bundle
from nextword.bundle.mixture import SHARE_STEP, Mixture
from nextword.bundle.onnx_weights import PackedMatrix, PackedWeight, onnx_weights
from nextword.display.page.page_facts import PageFacts, card_elements, curve_chart, page_unit
from nextword.errors import ExportError
from nextword.model.architecture import Architecture
from nextword.text.tokens.pre_tokens import is_word_character


@cache
def word_character_ranges() -> tuple[int, ...]:
    """Return the ranges of the code points of words: the gap before each range and its length, by turns."""
    is_word = [0, *(is_word_character(chr(point)) for point in range(0x110000)), 0]
    bounds = np.flatnonzero(np.diff(np.array(is_word, np.int8)))
    return tuple(np.diff(bounds, prepend=0).tolist())


MAGIC = b"nextword"
FORMAT = 1
MAX_BYTES = 2**29
"""The largest packed model. A browser holds it several times while it opens the page."""

_ALIGNMENT = 8
_EMBEDDINGS = "embedding/embeddings"


def pack_model(bundle: Bundle, *, passage: str | None = None, facts: PageFacts | None = None) -> bytes:
    """Return a model as the page reads it; `docs/one-file.md` describes the format.

    Raises:
        BundleError: `model.onnx` is refused.
        ExportError: The model cannot run in the page; the message has the reason.
    """
    require_packable(bundle.architecture)
    facts = facts or PageFacts()
    arrays = _arrays(packed_weights(bundle))
    model_hash = facts.model_hash or _hash_of(bundle.architecture, arrays)
    mixture, ngrams = _mixture(bundle.mixture)
    arrays |= ngrams
    tensors, data = _laid_out(arrays)
    tokenizer = bundle.tokenizer
    header = {
        "format": FORMAT,
        "name": bundle.name,
        "hash": model_hash,
        "summary": bundle.summary,
        "unit": page_unit(tokenizer),
        "card": card_elements(bundle.card),
        "figures": dict(facts.figures),
        "chart": curve_chart(facts.curve),
        "passage": passage,
        "architecture": bundle.architecture.to_table(),
        "tokenizer": {
            "kind": tokenizer.kind,
            "line_ends": tokenizer.line_ends,
            "vocabulary": list(tokenizer.vocabulary.tokens),
            "word_characters": list(word_character_ranges()),
        },
        "spelling": json.loads(tokenizer.speller.to_json()),
        "mixture": mixture,
        "tensors": tensors,
    }
    return _with_header(header, data)


def require_packable(architecture: Architecture) -> None:
    """Refuse a model that the page cannot run."""
    if architecture.num_parameters > MAX_BYTES:
        raise ExportError(
            f"a model must have at most {MAX_BYTES / 1e6:,.0f} million weights to run in a page, but has "
            f"{architecture.num_parameters / 1e6:,.0f}; train a smaller one"
        )


def packed_weights(bundle: Bundle) -> dict[str, PackedWeight]:
    """Return the weights of a model in eight bits, by their names: matrices `(O, I)`, and vectors.

    Float32 weights are rounded, each row to 127 steps in both directions. For a slim bundle, the integers of
    `model.onnx` stay as they are.
    """
    if bundle.is_slim and bundle.onnx is not None:
        return onnx_weights(bundle.onnx, bundle.architecture)
    return {name: _packed(name, weight) for name, weight in bundle.weights.items()}


def _packed(name: str, weight: NDArray[np.float32]) -> PackedWeight:
    if weight.ndim == 1:
        return weight
    return PackedMatrix.rounded(weight if name == _EMBEDDINGS else np.ascontiguousarray(weight.T))


def _arrays(weights: Mapping[str, PackedWeight]) -> dict[str, NDArray[Any]]:
    """Return the arrays of the file by name: `NAME`, and `NAME/scales` for a matrix."""
    arrays: dict[str, NDArray[Any]] = {}
    for name, weight in weights.items():
        if isinstance(weight, PackedMatrix):
            arrays |= {name: weight.steps, f"{name}/scales": weight.scales}
        else:
            arrays[name] = weight
    return arrays


def _mixture(mixture: Mixture | None) -> tuple[dict[str, Any] | None, dict[str, NDArray[Any]]]:
    """Return what the header says of a mixture, and the arrays of its n-grams by name."""
    if mixture is None:
        return None, {}
    settings, ngrams = mixture.settings, mixture.ngrams
    arrays: dict[str, NDArray[Any]] = {}
    if ngrams is not None and settings.ngram_weight:
        levels = enumerate(ngrams.levels, start=2)
        arrays = {
            f"ngrams/{length}/{part}": array for length, level in levels for part, array in level._asdict().items()
        }
        arrays["ngrams/singles"] = ngrams.singles
    return settings.to_table() | {"share_step": SHARE_STEP, "gates": mixture.gates._asdict()}, arrays


def _laid_out(arrays: Mapping[str, NDArray[Any]]) -> tuple[list[dict[str, Any]], bytes]:
    """Return the entry of each array in the header, and the bytes of all."""
    entries: list[dict[str, Any]] = []
    parts: list[bytes] = []
    offset = 0
    for name, array in arrays.items():
        data = array.astype(array.dtype.newbyteorder("<")).tobytes()
        entries.append({"name": name, "dtype": str(array.dtype), "shape": list(array.shape), "offset": offset})
        parts += [data, bytes(-len(data) % _ALIGNMENT)]
        offset += len(data) + len(parts[-1])
    return entries, b"".join(parts)


def _with_header(header: Mapping[str, Any], data: bytes) -> bytes:
    encoded = json.dumps(header, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8")
    start = MAGIC + struct.pack("<I", len(encoded)) + encoded
    return start + bytes(-len(start) % _ALIGNMENT) + data


def _hash_of(architecture: Architecture, arrays: Mapping[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256(json.dumps(architecture.to_table()).encode())
    for name, array in arrays.items():
        digest.update(name.encode())
        digest.update(array.tobytes())
    return digest.hexdigest()[:12]
