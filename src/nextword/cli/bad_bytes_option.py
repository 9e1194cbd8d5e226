"""The option `--on-bad-bytes` of commands that read lines."""

from collections.abc import Callable
from typing import Any

import click


def bad_bytes_option[Function: Callable[..., Any]](function: Function) -> Function:
    """Give a command the option `--on-bad-bytes`."""
    return click.option(
        "--on-bad-bytes",
        type=click.Choice(["strict", "replace"]),
        default="strict",
        show_default=True,
        help="Refuse bytes that are not UTF-8 and NULs, or read U+FFFD for them.",
    )(function)
