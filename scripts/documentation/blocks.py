"""The fenced blocks of a page."""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from documentation.commands import Command, commands_of
from documentation.rule import Rule, rule_above

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<body>.*?)^ *```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page.

    Attributes:
        language: As the fence names it.
        body: Its lines, without the indent of the fence.
        line: The line of the page at which it begins.
        rule: What comments right above ask for.
        commands: The calls of `nextword` in it.
        place: From where to where it is in the page with its fences, in characters.
        indent: Spaces before the fence.
    """

    language: str
    body: str
    line: int
    rule: Rule
    commands: tuple[Command, ...]
    place: slice
    indent: str

    @property
    def not_run(self) -> str:
        """The reason in a comment right above, `<!-- not run: REASON -->`; empty if there is none."""
        return self.rule.not_run

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
    yield from blocks_in(page.read_text(encoding="utf-8"))


def blocks_in(text: str) -> Iterator[Block]:
    """Yield the fenced blocks of the text of a page."""
    for found in _FENCE.finditer(text):
        language, body = found["language"], textwrap.dedent(found["body"]) if found["indent"] else found["body"]
        line = text.count("\n", 0, found.start()) + 1
        commands: Iterator[Command] = iter(())
        if language in {"", "console"}:
            commands = commands_of(body, prompt=language == "console", first=line + 1)
        rule = rule_above(text[: found.start()])
        yield Block(language, body, line, rule, tuple(commands), slice(*found.span()), found["indent"])
