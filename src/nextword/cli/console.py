"""Where commands print what they have to say."""

import errno
import os

import rich.console


class Console(rich.console.Console):
    """Rich's console, which leaves a closed pipe to the command instead of ending the process with 1."""

    def on_broken_pipe(self) -> None:
        """Fall silent, and raise the error again; the one that is being handled goes with it."""
        self.quiet = True
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
