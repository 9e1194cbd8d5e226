"""A bundle on disk: write it, and read it."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from textwrap import shorten

from nextword.bundle import files
from nextword.bundle.bundle import AbsentWeights, Bundle, DeferredWeights, check_weights
from nextword.bundle.files import (
    BundleConfig,
    TokenizerConfig,
    Weights,
    decode_config,
    decode_weights,
    encode_config,
    encode_weights,
)
from nextword.bundle.mixture import Mixture, MixtureFacts
from nextword.bundle.origin import refuse_sample
from nextword.errors import BundleError, SettingError, StorageError, TextError
from nextword.model.architecture import Architecture
from nextword.system import sealed_directory
from nextword.system.sealed_directory import Sealed
from nextword.text.tokens.spelling import SpellingModel
from nextword.text.tokens.tokenizer import Tokenizer


def read_bundle(path: Path, *, max_bytes: int = files.MAX_BYTES, defer_weights: bool = False) -> Bundle:
    """Read a bundle and check all of it. Nothing in it is run, imported or followed.

    All names, shapes and sizes are computed from the checked `config.json` before anything large is read. The size and
    the digest of `model.onnx` are checked here; its content is checked by the engine that runs it.

    Args:
        path: The directory.
        max_bytes: The largest total size of its files, which is about the most memory that reading takes.
        defer_weights: If there is a `model.onnx`, check the digest of the weights now and read the weights when
            they are first used; the spelling model too. The directory must still be there then, with the same weights.

    Raises:
        BundleError: The directory is not a bundle, is damaged, or breaks a rule, which the message names.
    """
    with _opened(path) as sealed:
        config = _read_config(sealed, max_bytes)
        tokenizer = Tokenizer.from_json(
            _text(sealed, files.TOKENIZER), kind=config.tokenizer.kind, line_ends=config.tokenizer.line_ends
        )
        if files.SPELLING in sealed.manifest:
            content = sealed.read(files.SPELLING)
            tokenizer = replace(tokenizer, spelling=content if defer_weights else SpellingModel.from_json(content))
        return Bundle(
            name=config.name,
            architecture=config.architecture,
            tokenizer=tokenizer,
            weights=_weights(sealed, config, defer=defer_weights),
            card=_text(sealed, files.CARD),
            onnx=sealed.read(files.ONNX) if files.ONNX in sealed.manifest else None,
            history=files.decode_history(sealed.read(files.HISTORY)) if files.HISTORY in sealed.manifest else (),
            mixture=_mixture(sealed, config.architecture.vocabulary_size),
        )


def read_config(path: Path) -> BundleConfig:
    """Return the content of a bundle's `config.json` without reading its weights and its tokenizer.

    Raises:
        BundleError: The directory is not a bundle. The content of its other files is not checked.
    """
    with _opened(path) as sealed:
        return _read_config(sealed, files.MAX_BYTES)


def read_mixture(path: Path) -> MixtureFacts | None:
    """Return the content of a bundle's `mixture.json`; `None` if it has no mixture."""
    with _opened(path) as sealed:
        _read_config(sealed, files.MAX_BYTES)
        if files.MIXTURE not in sealed.manifest:
            return None
        return MixtureFacts.of(sealed.read(files.MIXTURE), has_ngrams=files.NGRAMS in sealed.manifest)


def read_card(path: Path) -> str:
    """Return the model card of a bundle, in Markdown."""
    with _opened(path) as sealed:
        _read_config(sealed, files.MAX_BYTES)
        return _text(sealed, files.CARD)


def identity_of(path: Path, *, with_mixture: bool = True) -> str:
    """Return the name of a model and the first digits of its SHA-256, which tell it from other models."""
    return f"{read_config(path).name} {model_sha256(path, with_mixture=with_mixture)[:12]}"


def model_sha256(path: Path, *, with_mixture: bool = True) -> str:
    """Return the SHA-256 digest of what a model predicts with, in hexadecimal, as its seal states it.

    The digest of a network is that of `weights.safetensors`, or of `model.onnx` for a slim bundle. That of a network
    with a mixture is the digest of the digests of all files.

    Raises:
        BundleError: The directory is not a bundle. The content of its files is not checked.
    """
    with _opened(path) as sealed:
        files.check_names(sealed.manifest)
        weights = (sealed.manifest.get(files.WEIGHTS) or sealed.manifest[files.ONNX]).sha256
        names = [name for name in (files.MIXTURE, files.NGRAMS) if with_mixture and name in sealed.manifest]
        parts = [sealed.manifest[name].sha256 for name in names]
    return hashlib.sha256("".join([weights, *parts]).encode()).hexdigest() if parts else weights


@contextmanager
def _opened(path: Path) -> Iterator[Sealed]:
    """Open a bundle, and report any fault as a `BundleError` that begins with its path."""
    try:
        with sealed_directory.opened(path) as sealed:
            yield sealed
    except (BundleError, SettingError, TextError) as error:
        reason = shorten(str(error), 1000, placeholder=" ...")  # it may quote the content of a file
        raise BundleError(f"`{path}` must be a sound bundle, but is not: {reason}") from error
    except StorageError as error:
        raise BundleError(str(error)) from error


def _read_config(sealed: Sealed, max_bytes: int) -> BundleConfig:
    sizes = {name: seal.size for name, seal in sealed.manifest.items()}
    files.check_names(sizes)
    if sum(sizes.values()) > max_bytes:
        raise BundleError(f"its files must take at most {max_bytes} bytes, but take {sum(sizes.values())}")
    files.check_size(files.CONFIG, sizes[files.CONFIG], files.MAX_CONFIG_BYTES)
    config = decode_config(sealed.read(files.CONFIG))
    files.check_sizes(sizes, config.architecture)
    return config


def _mixture(sealed: Sealed, vocabulary_size: int) -> Mixture | None:
    if files.MIXTURE not in sealed.manifest:
        return None
    ngrams = sealed.read(files.NGRAMS) if files.NGRAMS in sealed.manifest else None
    return Mixture.from_files(sealed.read(files.MIXTURE), ngrams, vocabulary_size)


def _weights(sealed: Sealed, config: BundleConfig, *, defer: bool) -> Weights:
    if files.WEIGHTS not in sealed.manifest:
        return AbsentWeights(config.name, config.architecture)
    if files.ONNX in sealed.manifest and defer:
        return _deferred(sealed, config.architecture)
    return decode_weights(sealed.read(files.WEIGHTS), config.architecture)


def _deferred(sealed: Sealed, architecture: Architecture) -> Weights:
    sealed.check(files.WEIGHTS)
    path, seal = sealed.path.absolute(), sealed.manifest[files.WEIGHTS]

    def read() -> Weights:
        with _opened(path) as again:
            if again.manifest.get(files.WEIGHTS) != seal:
                raise BundleError(f"`{files.WEIGHTS}` must be unchanged, but was written again; open the model again")
            weights = decode_weights(again.read(files.WEIGHTS), architecture)
            check_weights(weights, architecture)
            return weights

    return DeferredWeights(architecture.weight_shapes(), read)


def _text(sealed: Sealed, name: str) -> str:
    try:
        return sealed.read(name).decode("utf-8")
    except UnicodeDecodeError as error:
        raise BundleError(f"`{name}` must be UTF-8, but byte {error.start} is not") from error


def write_bundle(path: Path, bundle: Bundle, *, replace: bool = False) -> None:
    """Write a bundle into a directory of its own. Whatever happens, the directory is whole or absent.

    Raises:
        BundleError: The card or the tokenizer is longer than a reader accepts, a slim bundle would replace float32
            weights, or the directory belongs to a sample model.
        StorageError: `path` exists and `replace` is false, `path` holds files that nextword did not write, or the disk
            refused.
    """
    refuse_sample(path)
    if bundle.is_slim and replace and (path / files.WEIGHTS).exists():
        raise BundleError(f"a slim copy must not replace the float32 weights in `{path}`; choose another directory")
    tokenizer = TokenizerConfig(kind=bundle.tokenizer.kind, line_ends=bundle.tokenizer.line_ends)
    contents = {
        files.CONFIG: encode_config(BundleConfig(bundle.name, bundle.architecture, tokenizer)),
        files.TOKENIZER: bundle.tokenizer.to_json().encode("utf-8"),
        files.CARD: bundle.card.encode("utf-8"),
    }
    if not bundle.is_slim:
        contents[files.WEIGHTS] = encode_weights(bundle.weights)
    if bundle.onnx is not None:
        contents[files.ONNX] = bundle.onnx
    if bundle.mixture is not None:
        contents[files.MIXTURE] = bundle.mixture.to_json()
        if bundle.mixture.ngrams is not None:
            contents[files.NGRAMS] = bundle.mixture.ngrams.to_bytes()
    if bundle.history:
        contents[files.HISTORY] = files.encode_history(bundle.history)
    if (spelling := bundle.tokenizer.spelling_json) is not None:
        contents[files.SPELLING] = spelling
    files.check_sizes({name: len(data) for name, data in contents.items()}, bundle.architecture)
    sealed_directory.write(path, contents, replace=replace)
