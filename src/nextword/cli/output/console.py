"""Rich consoles that follow `--quiet` and `--no-color`."""

import errno
import os
from typing import Any

import rich.console

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


def message_console() -> Console:
    """Return a console on standard error that prints nothing if `--quiet`."""
    return Console(stderr=True, quiet=invocation().verbosity < 0)
