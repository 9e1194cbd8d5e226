"""A bundle on disk: read, written, and found in the directory of a run."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten

from nextword.architecture import Architecture
from nextword.bundle.bundle import Bundle, DeferredWeights, Weights, check_weights
from nextword.bundle.config import BundleConfig, TokenizerConfig, decode_config, encode_config
from nextword.bundle.files import (
    CARD,
    CONFIG,
    MAX_BYTES,
    MAX_CONFIG_BYTES,
    ONNX,
    TOKENIZER,
    WEIGHTS,
    check_names,
    check_size,
    check_sizes,
)
from nextword.bundle.weights import decode_weights, encode_weights
from nextword.errors import BundleError, SettingError, StorageError, TextError
from nextword.storage import sealed_directory
from nextword.storage.sealed_directory import Sealed
from nextword.text.tokenizer import Tokenizer

MODEL_FOLDER = "model"
"""Where the bundle is in the directory of a run."""

CONFIG_FILE = "config.toml"
"""The settings of a run, by which its directory is known."""


def read_bundle(path: Path, *, max_bytes: int = MAX_BYTES, defer_weights: bool = False) -> Bundle:
    """Read a bundle and check all of it; nothing in it is run, imported or followed.

    The names, the shapes and the sizes of everything are computed from the checked `config.json` before anything
    large is read. `model.onnx`, if there is one, is checked by size and sum; the engine that runs it looks inside.

    Args:
        path: The directory.
        max_bytes: The most that all its files together may take, and so about the most memory that is taken.
        defer_weights: If there is a `model.onnx`, check the sum of the weights only, and read them when they are
            first asked for; the directory must then still be there, and its weights be the same.

    Raises:
        BundleError: The directory is not a bundle, is damaged, or breaks a rule, which the message names.
    """
    with _opened(path) as sealed:
        config = _read_config(sealed, max_bytes)
        tokenizer = Tokenizer.from_json(
            _text(sealed, TOKENIZER), kind=config.tokenizer.kind, line_ends=config.tokenizer.line_ends
        )
        has_onnx = ONNX in sealed.manifest
        return Bundle(
            name=config.name,
            architecture=config.architecture,
            tokenizer=tokenizer,
            weights=(_deferred if has_onnx and defer_weights else _decoded)(sealed, config.architecture),
            card=_text(sealed, CARD),
            onnx=sealed.read(ONNX) if has_onnx else None,
        )


def read_config(path: Path) -> BundleConfig:
    """Return what the `config.json` of a bundle says; weights and tokenizer are not read.

    Raises:
        BundleError: The directory is not a bundle; what its other files hold is not looked at.
    """
    with _opened(path) as sealed:
        return _read_config(sealed, MAX_BYTES)


def identity_of(path: Path) -> str:
    """Return the name of the model in a bundle with the beginning of its weights' SHA-256, which tell it from others.

    Raises:
        BundleError: The directory is not a bundle; what it holds besides is not looked at.
    """
    with _opened(path) as sealed:
        return f"{_read_config(sealed, MAX_BYTES).name} {sealed.manifest[WEIGHTS].sha256[:12]}"


@contextmanager
def _opened(path: Path) -> Iterator[Sealed]:
    """Open a bundle, and report whatever is wrong with it as a `BundleError` that begins with its path."""
    try:
        with sealed_directory.opened(path) as sealed:
            yield sealed
    except (BundleError, SettingError, TextError) as error:
        reason = shorten(str(error), 1000, placeholder=" ...")  # it may quote what the file holds
        raise BundleError(f"`{path}` must be a sound bundle, but is not: {reason}") from error
    except StorageError as error:
        raise BundleError(str(error)) from error


def _read_config(sealed: Sealed, max_bytes: int) -> BundleConfig:
    sizes = {name: seal.size for name, seal in sealed.manifest.items()}
    check_names(sizes)
    if sum(sizes.values()) > max_bytes:
        raise BundleError(f"its files must take at most {max_bytes} bytes, but take {sum(sizes.values())}")
    check_size(CONFIG, sizes[CONFIG], MAX_CONFIG_BYTES)
    config = decode_config(sealed.read(CONFIG))
    check_sizes(sizes, config.architecture)
    return config


def _decoded(sealed: Sealed, architecture: Architecture) -> Weights:
    return decode_weights(sealed.read(WEIGHTS), architecture)


def _deferred(sealed: Sealed, architecture: Architecture) -> Weights:
    sealed.check(WEIGHTS)
    path, seal = sealed.path.absolute(), sealed.manifest[WEIGHTS]

    def read() -> Weights:
        with _opened(path) as again:
            if again.manifest.get(WEIGHTS) != seal:
                raise BundleError(f"`{WEIGHTS}` must be what it was, but was written again; open the model again")
            weights = _decoded(again, architecture)
            check_weights(weights, architecture)
            return weights

    return DeferredWeights(architecture.weight_shapes(), read)


def _text(sealed: Sealed, name: str) -> str:
    try:
        return sealed.read(name).decode("utf-8")
    except UnicodeDecodeError as error:
        raise BundleError(f"`{name}` must be UTF-8, but byte {error.start} is not") from error


def model_path(path: Path) -> Path:
    """Return where the bundle of a path is: that of a run, or the path itself.

    Raises:
        BundleError: A run has no model yet.
    """
    if not (path / CONFIG_FILE).is_file():
        return path
    if not (path / MODEL_FOLDER).is_dir():
        raise BundleError(
            f"the run in `{path}` must have finished, but has no model yet; go on with `nextword train --resume {path}`"
        )
    return path / MODEL_FOLDER


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
