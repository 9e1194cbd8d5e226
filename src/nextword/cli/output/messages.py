"""What a command prints besides its results, and how: messages, details, colors."""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import click


@dataclass
class Invocation:
    """What a command line asks of all output.

    Attributes:
        arguments: The words after `nextword`.
        verbosity: -1 with `--quiet`, 1 with `--verbose`, else 0.
        color: Whether colors and bold text are allowed.
    """

    arguments: Sequence[str] = ()
    verbosity: int = 0
    color: bool = True

    def __post_init__(self) -> None:
        self.color = self.color and not os.environ.get("NO_COLOR")


COMMON = ("quiet", "verbose", "no_color", "show_help", "show_all_help")
"""Names of the options that every command has."""


def invocation() -> Invocation:
    """Return what the command that runs was asked; the defaults outside a command."""
    context = click.get_current_context(silent=True)
    return (context and context.find_object(Invocation)) or Invocation()


def say(message: str) -> None:
    """Print a message on standard error, unless `--quiet`. If nobody reads it any more, it goes nowhere."""
    if invocation().verbosity >= 0:
        try:
            click.echo(message, err=True)
        except BrokenPipeError:  # Python would fail on it once more at exit, and change the exit code
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def detail(message: str) -> None:
    """Print a detail on standard error if `--verbose`."""
    if invocation().verbosity > 0:
        click.echo(f"nextword: {message}", err=True)


def _set(name: str, value: Any) -> Callable[[click.Context, click.Parameter, bool], None]:
    def callback(context: click.Context, _parameter: click.Parameter, given: bool) -> None:
        call = context.find_object(Invocation)
        if given and call:
            setattr(call, name, value)

    return callback


def common_options() -> list[click.Option]:
    """Return the options that every command has."""
    switch: dict[str, Any] = {"is_flag": True, "expose_value": False, "is_eager": True}
    return [
        click.Option(
            ["-q", "--quiet"], help="Print results and errors only.", callback=_set("verbosity", -1), **switch
        ),
        click.Option(
            ["-v", "--verbose"],
            help="Print details, and the traceback of an error.",
            callback=_set("verbosity", 1),
            **switch,
        ),
        click.Option(
            ["--no-color"], help="Print no colors; NO_COLOR=1 does the same.", callback=_set("color", False), **switch
        ),
    ]
