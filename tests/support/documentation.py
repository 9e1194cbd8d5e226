"""The examples of a page of the documentation: its commands and its blocks of Python."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<body>.*?)^ *```$", re.MULTILINE | re.DOTALL)
_NOT_RUN = re.compile(r"<!-- not run: (?P<reason>[^>]+) -->\s*\Z")


@dataclass(frozen=True)
class Command:
    """A command line that an example shows.

    Attributes:
        line: As the page has it, for messages.
        arguments: What follows `nextword`.
        typed: What is piped into it by `printf` or `echo`; `None` if nothing is.
        source: The file that it reads from by `<`.
        target: The file that it writes to by `>`.
    """

    line: str
    arguments: tuple[str, ...]
    typed: str | None = None
    source: str | None = None
    target: str | None = None


@dataclass(frozen=True)
class Block:
    """A fenced block of a page.

    Attributes:
        language: As the fence names it.
        body: Its lines.
        line: The line of the page at which it begins.
        not_run: The reason in a comment right above, `<!-- not run: REASON -->`; empty if there is none.
        commands: The calls of `nextword` in it.
    """

    language: str
    body: str
    line: int
    not_run: str = ""
    commands: tuple[Command, ...] = ()

    @property
    def is_python(self) -> bool:
        """Whether it is Python to run, no session of an interpreter."""
        return self.language == "python" and ">>> " not in self.body

    @property
    def runs(self) -> bool:
        """Whether it has anything to run."""
        return bool(self.commands) or self.is_python


def blocks_of(page: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a page."""
    text = page.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        language, body = found["language"], found["body"]
        marked = _NOT_RUN.search(text[: found.start()])
        commands = () if language not in {"", "console"} else tuple(commands_of(body, prompt=language == "console"))
        line = text.count("\n", 0, found.start()) + 1
        yield Block(language, body, line, marked["reason"] if marked else "", commands)


def commands_of(body: str, *, prompt: bool) -> Iterator[Command]:
    """Yield the calls of `nextword` in a block: of all its lines, or of those behind a `$`."""
    for line in re.sub(r"\\\n\s*", "", body).splitlines():
        if prompt and not line.startswith("$ "):
            continue
        command = _command(line.removeprefix("$ "))
        if command:
            yield command


def _command(line: str) -> Command | None:
    if "nextword " not in f"{line} ":
        return None
    try:
        words = _split(re.split(r" {3,}", line)[0])  # what the line says about the command is apart from it
    except ValueError:  # prose with an apostrophe
        return None
    *before, call = _parts(words)
    if not call or call[0] != "nextword":
        return None
    typed = None
    if before and before[0][0] in {"printf", "echo"}:
        typed = before[0][1].encode().decode("unicode_escape") + ("\n" if before[0][0] == "echo" else "")
    elif before:
        typed = "A line of a log.\n"
    files = {sign: call[call.index(sign) + 1] for sign in "<>" if sign in call}
    arguments = [word for word in call[1:] if word not in files and word not in files.values()]
    return Command(line, tuple(arguments), typed, files.get("<"), files.get(">"))


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
