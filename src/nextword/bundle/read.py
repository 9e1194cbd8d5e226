"""A bundle from the disk, which may come from anybody, to memory."""

from pathlib import Path
from textwrap import shorten

from nextword.bundle.bundle import Bundle
from nextword.bundle.config import decode_config
from nextword.bundle.files import (
    CARD,
    CONFIG,
    MAX_CONFIG_BYTES,
    TOKENIZER,
    WEIGHTS,
    check_names,
    check_size,
    check_sizes,
)
from nextword.bundle.weights import decode_weights
from nextword.errors import BundleError, SettingError, StorageError, TextError
from nextword.storage import sealed_directory
from nextword.storage.sealed_directory import Sealed
from nextword.text.tokenizer import Tokenizer

DEFAULT_MAX_BYTES = 2**31


def read_bundle(path: Path, *, max_bytes: int = DEFAULT_MAX_BYTES) -> Bundle:
    """Read a bundle and check all of it; nothing in it is run, imported or followed.

    The names, the shapes and the sizes of everything are computed from the checked `config.json` before anything
    large is read. `model.onnx`, where there is one, is left for the engine that runs it.

    Args:
        path: The directory.
        max_bytes: The most that all its files together may take, and so about the most memory that is taken.

    Raises:
        BundleError: The directory is not a bundle, is damaged, or breaks a rule, which the message names.
    """
    try:
        with sealed_directory.opened(path) as sealed:
            return _read(sealed, max_bytes)
    except (BundleError, SettingError, TextError) as error:
        reason = shorten(str(error), 1000, placeholder=" ...")  # it may quote what the file holds
        raise BundleError(f"`{path}` must be a sound bundle, but is not: {reason}") from error
    except StorageError as error:
        raise BundleError(str(error)) from error


def _read(sealed: Sealed, max_bytes: int) -> Bundle:
    sizes = {name: seal.size for name, seal in sealed.manifest.items()}
    check_names(sizes)
    if sum(sizes.values()) > max_bytes:
        raise BundleError(f"its files must take at most {max_bytes} bytes, but take {sum(sizes.values())}")
    check_size(CONFIG, sizes[CONFIG], MAX_CONFIG_BYTES)
    config = decode_config(sealed.read(CONFIG))
    check_sizes(sizes, config.architecture)
    tokenizer = Tokenizer.from_json(
        _text(sealed, TOKENIZER), kind=config.tokenizer.kind, line_ends=config.tokenizer.line_ends
    )
    return Bundle(
        name=config.name,
        architecture=config.architecture,
        tokenizer=tokenizer,
        weights=decode_weights(sealed.read(WEIGHTS), config.architecture),
        card=_text(sealed, CARD),
    )


def _text(sealed: Sealed, name: str) -> str:
    try:
        return sealed.read(name).decode("utf-8")
    except UnicodeDecodeError as error:
        raise BundleError(f"`{name}` must be UTF-8, but byte {error.start} is not") from error
