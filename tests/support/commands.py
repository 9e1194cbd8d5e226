"""Commands in the process of the test, and types of the fixtures that read what they print."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nextword.cli.main import main

Command = Callable[..., str]
Json = Callable[..., Any]
Captured = pytest.CaptureFixture[str]
Bundle = Callable[..., Path]


def nextword(*arguments: object) -> int:
    """Run a command in this process and return its exit code."""
    try:
        main([str(argument) for argument in arguments])
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0
