"""How an error is shown: what is wrong on one line, and what to do about it on lines of its own."""

import re
from collections.abc import Iterator

import click

_PARTS = re.compile(
    r"""
    `[^`]*`                              # a name, a value or a command
    | (?<!\w) ' (?: \\. | [^'\\] )* '    # a text as `repr` writes it, and no apostrophe
    | (?<!\w) " (?: \\. | [^"\\] )* "
    | \( [^()]* \)
    | (?P<end> ;[ ] )                    # anywhere else, a semicolon ends what is wrong, or a hint
    """,
    re.VERBOSE | re.DOTALL,
)


def error_text(message: str, otherwise: str = "") -> str:
    """Return an error with a line `error:`, and a line `hint:` for each way to repair it.

    Args:
        message: The rule, the value and the repairs, separated by semicolons.
        otherwise: The hint if the message has no repair.

    Example:
        >>> print(error_text("`a; b` must be a file, but is a folder; name a file"))
        error: `a; b` must be a file, but is a folder
        hint: name a file
    """
    wrong, *repairs = _clauses(message)
    repairs = repairs or [otherwise] * bool(otherwise)
    hints = (f"{click.style('hint:', fg='cyan', bold=True)} {repair.removeprefix('or ')}" for repair in repairs)
    return "\n".join((f"{click.style('error:', fg='red', bold=True)} {wrong}", *hints))


def _clauses(message: str) -> Iterator[str]:
    start = 0
    for part in _PARTS.finditer(message):
        if part["end"]:
            yield message[start : part.start()]
            start = part.end()
    yield message[start:]
