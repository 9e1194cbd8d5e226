"""Presets: settings for model, batching and training, each a TOML file in `presets/`.

Each file holds tables of settings, a `description` and the use that it `suits`, one line each.
"""

import tomllib
from importlib import resources
from typing import Any

from nextword.errors import SettingError
from nextword.settings import unknown_name

DEFAULT_PRESET = "auto"
"""The preset whose size and regularization follow from the time, the text and the machine."""

_FOLDER = resources.files("nextword.model").joinpath("presets")


def preset_names() -> list[str]:
    """Return the names of all presets."""
    return sorted(file.name.removesuffix(".toml") for file in _FOLDER.iterdir() if file.name.endswith(".toml"))


def read_preset(name: str) -> dict[str, Any]:
    """Return a preset as parsed TOML: tables of settings, `description` and `suits`."""
    if name not in preset_names():
        raise SettingError(unknown_name("preset", name, preset_names()))
    return tomllib.loads(_FOLDER.joinpath(f"{name}.toml").read_text(encoding="utf-8"))
