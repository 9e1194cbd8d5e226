"""Rich consoles that follow `--quiet` and `--no-color`."""

import errno
import os
from collections.abc import Sequence
from typing import Any

import rich.console
from rich.cells import cell_len

from nextword.cli.output.messages import invocation


class Console(rich.console.Console):
    """Rich's console, with three differences.

    It leaves a closed pipe to the command instead of ending the process with 1. With `NO_COLOR` or `--no-color` it
    writes neither colors nor bold text. Names such as `:car:` stay as they are.
    """

    def __init__(self, **options: Any) -> None:
        plain = {} if invocation().color else {"color_system": None, "no_color": True}
        super().__init__(**{"emoji": False, **options, **plain})

    def on_broken_pipe(self) -> None:
        """Fall silent, and raise the error again; the one that is being handled goes with it."""
        self.quiet = True
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


def table_lines(rows: Sequence[Sequence[str]], align: str = "") -> list[str]:
    """Return rows as lines whose columns begin or end at the same character.

    Args:
        rows: The cells of each row.
        align: `<` or `>` for each column; all to the left by default.

    Example:
        >>> table_lines([("split", "tokens"), ("test", "9")], "<>")
        ['split  tokens', 'test        9']
    """
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    sides = align or "<" * len(widths)
    return ["  ".join(map(_aligned, row, widths, sides)).rstrip() for row in rows]


def _aligned(cell: str, width: int, side: str) -> str:
    blank = " " * (width - cell_len(cell))
    return f"{cell}{blank}" if side == "<" else f"{blank}{cell}"


def message_console() -> Console:
    """Return a console on standard error that prints nothing if `--quiet`."""
    return Console(stderr=True, quiet=invocation().verbosity < 0)
