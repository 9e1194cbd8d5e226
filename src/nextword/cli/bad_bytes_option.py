"""The option `--on-bad-bytes` of commands that read lines, and of those that read the splits of a text."""

from collections.abc import Callable
from typing import Any

import click

_HELP = "Refuse bytes that are not UTF-8 and NULs, or read U+FFFD for them"


def bad_bytes_option[Function: Callable[..., Any]](function: Function) -> Function:
    """Give a command the option `--on-bad-bytes`."""
    return click.option(
        "--on-bad-bytes",
        type=click.Choice(["strict", "replace"]),
        default="strict",
        show_default=True,
        help=f"{_HELP}.",
    )(function)


def bad_bytes_of_splits_option[Function: Callable[..., Any]](function: Function) -> Function:
    """Give a command the option `--on-bad-bytes`, `None` where it is not given."""
    return click.option(
        "--on-bad-bytes",
        type=click.Choice(["strict", "replace"]),
        help=f"{_HELP}; else as in training for the text of the run, and strict for another.",
    )(function)
