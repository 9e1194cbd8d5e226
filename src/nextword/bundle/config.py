"""`config.json`: a closed schema. Every value in it is known and checked before anything is built from it."""

import json
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from nextword.bundle.bundle import check_name
from nextword.bundle.files import CONFIG, MAX_CONFIG_BYTES
from nextword.disk import strict_json
from nextword.errors import BundleError, SettingError
from nextword.model.architecture import Architecture
from nextword.settings import Settings, setting

_FORMAT = 1
_NAMES = frozenset(["format", "name", "architecture", "tokenizer"])


@dataclass(frozen=True, kw_only=True)
class TokenizerConfig(Settings):
    """Settings of a bundle's tokenizer, besides its vocabulary."""

    group: ClassVar[str] = "tokenizer"

    kind: Literal["pretokenized", "word", "subword", "character"] = setting(help="How text is cut into tokens.")
    line_ends: Literal["line", "paragraph"] = setting(help="What `<eos>` stands for.")


@dataclass(frozen=True)
class BundleConfig:
    """The content of `config.json`."""

    name: str
    architecture: Architecture
    tokenizer: TokenizerConfig


def encode_config(config: BundleConfig) -> bytes:
    """Return the content of `config.json`."""
    table = {
        "format": _FORMAT,
        "name": config.name,
        "architecture": config.architecture.to_table(),
        "tokenizer": config.tokenizer.to_table(),
    }
    return (json.dumps(table, indent=2, allow_nan=False) + "\n").encode("utf-8")


def decode_config(data: bytes) -> BundleConfig:
    """Return the content of a `config.json` from an untrusted source.

    Raises:
        BundleError: The file is ambiguous or not JSON, has another format, or holds a value that is unknown or refused.
    """
    try:
        table = strict_json.parse(data, max_bytes=MAX_CONFIG_BYTES)
        _check_table(table)
        check_name(table["name"])
        return BundleConfig(
            table["name"],
            Architecture.from_table(table["architecture"]),
            TokenizerConfig.from_table(table["tokenizer"]),
        )
    except ValueError as error:
        raise BundleError(f"`{CONFIG}` {error}") from error
    except SettingError as error:
        raise BundleError(f"`{CONFIG}` is refused: {error}") from error


def _check_table(table: Any) -> None:
    if not isinstance(table, dict) or table.keys() != _NAMES:
        raise ValueError(f"must hold {', '.join(sorted(_NAMES))} and nothing else")
    if type(table["format"]) is not int or table["format"] != _FORMAT:
        raise ValueError(f"must be of format {_FORMAT}, but is of {table['format']!a:.40}; use a newer nextword")
    for name, kind in {"name": str, "architecture": dict, "tokenizer": dict}.items():
        if not isinstance(table[name], kind):
            raise ValueError(f"must give `{name}` as a {kind.__name__}, but gives {table[name]!a:.40}")
