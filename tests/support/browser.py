"""The browser of the tests."""

import shutil
from pathlib import Path

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium_path() -> str:
    """Return the path of Chromium; without one, skip the test and say why."""
    pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
    for name in _NAMES:
        found = shutil.which(name)
        if found and Path(found).exists():
            return found
    pytest.skip(f"needs a Chromium: none of {', '.join(_NAMES)} is installed")
