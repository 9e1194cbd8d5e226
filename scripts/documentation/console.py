"""A `console` block: commands behind a `$`, each with its output below."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

PROMPT = "$ "


@dataclass(frozen=True)
class Entry:
    """A command of a console block and the output that the block shows for it.

    Attributes:
        command: Without the prompt; it may have several lines.
        shown: The output, without blank lines at its end.
        line: The line of the body at which the command begins, from 0.
        place: From where to where the output is in the body, in characters; blank lines at its end are not part of it.
    """

    command: str
    shown: str
    line: int
    place: slice


def entries_of(body: str) -> Iterator[Entry]:
    """Yield the commands of a console block, from top to bottom. Lines above the first are left out."""
    lines = body.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    at = 0
    while at < len(lines):
        if not lines[at].startswith(PROMPT):
            at += 1
            continue
        first, at = at, at + 1
        while at < len(lines) and not _is_complete("".join(lines[first:at])):
            at += 1
        output = at
        while at < len(lines) and not lines[at].startswith(PROMPT):
            at += 1
        end = at
        while end > output and not lines[end - 1].strip():
            end -= 1
        command = "".join(lines[first:output]).removeprefix(PROMPT).rstrip("\n")
        shown = "".join(lines[output:end]).rstrip("\n")
        yield Entry(command, shown, first, slice(starts[output], starts[end]))


def _is_complete(command: str) -> bool:
    """Whether a shell would run this and not wait for another line."""
    command = command.rstrip("\n")
    if command.endswith("\\"):
        return False
    try:
        shlex.split(command)
    except ValueError:  # a quote is open
        return False
    return True
