"""What the service logs: a line for a request, and where the program failed. Nothing that a user wrote is in it."""

import logging
import time
import traceback
from collections.abc import Callable
from types import TracebackType

from starlette.types import Scope

from nextword.serving.http.connection import Refusal

Log = Callable[[str], None]

_MAX_LOGGED = 200
_LEFT = 499  # as nginx writes it: the client left before the answer began


def log_line(scope: Scope, status: int, seconds: float) -> str:
    """Return the line for a request, without its query and its body. One request is one line, whatever it holds.

    Example:
        >>> scope = {"client": ("127.0.0.1", 1), "method": "GET", "raw_path": b"/a%0Ab"}
        >>> log_line(scope, 200, 0.0125).split(maxsplit=1)[1]
        '127.0.0.1 "GET /a%0Ab" 200 0.013 s'
    """
    client = scope["client"][0] if scope["client"] else "-"
    path = scope["raw_path"][:_MAX_LOGGED].decode("latin-1").encode("unicode_escape").decode("ascii")
    request = f"{scope['method'][:20]} {path}".replace('"', "%22")
    return f'{_now()} {client} "{request}" {status or _LEFT} {seconds:.3f} s'


def refusal_line(refusal: Refusal, client: str) -> str:
    """Return the line for what the transport refused."""
    return f"{_now()} {client or '-'} {refusal.code} {refusal.status}"


class FaultFormatter(logging.Formatter):
    """Formats a fault of the program: its type and place. Its message may quote what a user wrote, and is left out."""

    def __init__(self) -> None:
        super().__init__("error: %(message)s")

    def formatException(  # noqa: N802
        self, ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    ) -> str:
        """Return the places of the calls and the type of the exception."""
        kind, _, places = ei
        return "".join(traceback.format_tb(places)) + (kind.__name__ if kind else "")


def report_faults() -> None:
    """Let the faults of the service go to standard error."""
    logger = logging.getLogger("nextword.serving")
    if not any(isinstance(handler.formatter, FaultFormatter) for handler in logger.handlers):
        handler = logging.StreamHandler()
        handler.setFormatter(FaultFormatter())
        logger.addHandler(handler)


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
