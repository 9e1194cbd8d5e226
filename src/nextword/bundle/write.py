"""A bundle from memory to the disk."""

from pathlib import Path

from nextword.bundle.bundle import Bundle
from nextword.bundle.config import BundleConfig, TokenizerConfig, encode_config
from nextword.bundle.files import CARD, CONFIG, ONNX, TOKENIZER, WEIGHTS, check_sizes
from nextword.bundle.weights import encode_weights
from nextword.storage import sealed_directory


def write_bundle(path: Path, bundle: Bundle, *, replace: bool = False) -> None:
    """Write a bundle into a directory of its own, which is whole or absent whatever happens.

    Raises:
        BundleError: The model card or the tokenizer is longer than a reader would accept.
        StorageError: `path` exists and `replace` is false, or holds what nextword did not write, or the disk refused.
    """
    tokenizer = TokenizerConfig(kind=bundle.tokenizer.kind, line_ends=bundle.tokenizer.line_ends)
    files = {
        CONFIG: encode_config(BundleConfig(bundle.name, bundle.architecture, tokenizer)),
        TOKENIZER: bundle.tokenizer.to_json().encode("utf-8"),
        WEIGHTS: encode_weights(bundle.weights),
        CARD: bundle.card.encode("utf-8"),
    }
    if bundle.onnx is not None:
        files[ONNX] = bundle.onnx
    check_sizes({name: len(data) for name, data in files.items()}, bundle.architecture)
    sealed_directory.write(path, files, replace=replace)
