"""The calls of `nextword` in a block, as arguments that a test passes to the command line in its own process."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from documentation.console import entries_of


@dataclass(frozen=True)
class Command:
    """A command line that an example shows.

    Attributes:
        line: As the page has it, for messages.
        arguments: What follows `nextword`.
        typed: What is piped into it by `printf` or `echo`; `None` if nothing is.
        source: The file that it reads from by `<`.
        target: The file that it writes to by `>`.
        shown: The output that the page shows; empty for a block that is no `console` block.
        number: The line of the page at which it begins.
    """

    line: str
    arguments: tuple[str, ...]
    typed: str | None = None
    source: str | None = None
    target: str | None = None
    shown: str = ""
    number: int = 0


def commands_of(body: str, *, prompt: bool, first: int = 1) -> Iterator[Command]:
    """Yield the calls of `nextword` in a block: of all its lines, or of those behind a `$`.

    Args:
        body: The block without its fences.
        prompt: Whether commands stand behind a `$`, with their output below.
        first: The line of the page at which the body begins.
    """
    if prompt:
        for entry in entries_of(body):
            yield from _command(entry.command, entry.shown, first + entry.line)
        return
    for number, line in enumerate(re.sub(r"\\\n\s*", "", body).splitlines()):
        yield from _command(line, "", first + number)


def _command(line: str, shown: str, number: int) -> Iterator[Command]:
    line = re.sub(r"\\\n\s*", "", line)
    if "nextword " not in f"{line} ":
        return
    try:
        words = _split(re.split(r" {3,}", line)[0])  # what the line says about the command is apart from it
    except ValueError:  # prose with an apostrophe
        return
    *before, call = _parts(words)
    if not call or call[0] != "nextword":
        return
    typed = None
    if before and before[0][0] in {"printf", "echo"}:
        typed = before[0][1].encode().decode("unicode_escape") + ("\n" if before[0][0] == "echo" else "")
    elif before:
        typed = "A line of a log.\n"
    files = {sign: call[call.index(sign) + 1] for sign in "<>" if sign in call}
    arguments = [word for word in call[1:] if word not in files and word not in files.values()]
    yield Command(line, tuple(arguments), typed, files.get("<"), files.get(">"), shown, number)


def _split(line: str) -> list[str]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|<>")
    lexer.whitespace_split = True
    return list(lexer)


def _parts(words: list[str]) -> list[list[str]]:
    """Return the commands between the bars of a pipe."""
    parts: list[list[str]] = [[]]
    for word in words:
        if word == "|":
            parts.append([])
        else:
            parts[-1].append(word)
    return parts
