"""A page whose examples show their output: compare it with a run, or write it again."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from documentation.blocks import Block, blocks_in
from documentation.comparison import difference, matches, merged
from documentation.console import entries_of
from documentation.rule import Rule, rule_above
from documentation.runner import Outcome, Runner

ERROR = "error:"


@dataclass(frozen=True)
class Example:
    """A block of Python, or one command of a console block, and the output that the page shows.

    Attributes:
        source: What is run.
        is_python: Whether it is Python and no command.
        line: The line of the page at which the source begins.
        rule: How the output is compared.
        shown: The output in the page.
        place: From where to where the output is in the page, in characters: lines of a console block, a whole block
            below Python.
        indent: Spaces before each line in the page.
    """

    source: str
    is_python: bool
    line: int
    rule: Rule
    shown: str
    place: slice
    indent: str

    @property
    def may_fail(self) -> bool:
        """Whether the page shows that the command fails."""
        return not self.is_python and any(line.startswith(ERROR) for line in self.shown.splitlines())

    def problem(self, outcome: Outcome) -> str:
        """Return what differs between the page and a run; nothing if nothing does."""
        if outcome.failed != self.may_fail:
            return f"it {'failed' if outcome.failed else 'did not fail'}:\n{outcome.output}"
        if self.rule.not_compared:
            return ""
        if self.rule.varies:
            return "" if outcome.output.strip() and self.shown else "there is no output in the page or in this run"
        if matches(self.shown, outcome.output, self.rule.tolerance):
            return ""
        return f"the output differs:\n{difference(self.shown, outcome.output)}"

    def written(self, output: str) -> str:
        """Return what belongs at `place` after a run that printed `output`."""
        text = merged(self.shown, output, self.rule.tolerance)
        if self.is_python:
            text = f"```text\n{text}\n```" if text else ""
            text = text if self.shown else f"\n\n{text}"
        elif text:
            text += "\n"
        return "".join(self.indent * bool(line.strip()) + line for line in text.splitlines(keepends=True))


class Page:
    """A page of the documentation.

    Args:
        path: Its file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text = path.read_text(encoding="utf-8")
        self.examples = tuple(examples_in(self.text))

    @property
    def is_slow(self) -> bool:
        """Whether a block is marked by `<!-- slow -->`."""
        return any(example.rule.slow for example in self.examples)

    @property
    def is_compared(self) -> bool:
        """Whether an example's output is compared with the output of a run."""
        return any(not example.rule.exception for example in self.examples)

    def outcomes(self, *, python: bool = True) -> Iterator[tuple[Example, Outcome]]:
        """Run the examples from top to bottom in an empty folder.

        Args:
            python: Whether to run Python too, and not only commands.
        """
        with tempfile.TemporaryDirectory() as folder, Runner(Path(folder)) as runner:
            for example in self.examples:
                if example.rule.not_run or (example.is_python and not python):
                    continue
                if example.is_python:
                    yield example, runner.python(example.source, self.path, example.line)
                else:
                    yield example, runner.shell(example.source)

    def problems(self, *, python: bool = True) -> Iterator[str]:
        """Run the examples, and yield where the page and the run differ: page, line, and what."""
        for example, outcome in self.outcomes(python=python):
            if problem := example.problem(outcome):
                yield f"{self.path}:{example.line}: {problem}"

    def write(self, *, python: bool = True) -> Iterator[str]:
        """Run the examples and write the outputs that differ into the page; yield where that was done."""
        text = self.text
        changes: list[tuple[Example, str]] = []
        for example, outcome in self.outcomes(python=python):
            problem = example.problem(outcome)
            if outcome.failed != example.may_fail:
                yield f"{self.path}:{example.line}: {problem}"
            elif problem:
                changes.append((example, example.written(outcome.output)))
                yield f"{self.path}:{example.line}: written"
        for example, output in reversed(changes):
            before = text[: example.place.start]
            before = before if output or not example.is_python else before.rstrip("\n")
            text = before + output + text[example.place.stop :]
        self.path.write_text(text, encoding="utf-8")


def examples_in(text: str) -> Iterator[Example]:
    """Yield the examples of the text of a page, from top to bottom."""
    blocks = [*blocks_in(text), None]
    for block, below in pairwise(blocks):
        if block is not None and block.is_python:
            yield _of_python(block, below, text)
        elif block is not None and block.language == "console":
            yield from _of_console(block, text)


def _of_python(block: Block, below: Block | None, text: str) -> Example:
    rule, shown, place = block.rule, "", slice(block.place.stop, block.place.stop)
    if below is not None and below.language == "text" and _only_comments(text[block.place.stop : below.place.start]):
        rule = rule_above(text[: below.place.start], rule)
        shown, place = below.body.rstrip("\n"), slice(below.place.start, below.place.stop)
    return Example(block.body, True, block.line + 1, rule, shown, place, block.indent)


def _of_console(block: Block, text: str) -> Iterator[Example]:
    start = text.index("\n", block.place.start) + 1
    body = text[start : text.rindex("\n", start, block.place.stop) + 1]
    rows, dedented = body.splitlines(keepends=True), block.body.splitlines(keepends=True)
    for entry in entries_of(block.body):
        first = block.body.count("\n", 0, entry.place.start)
        last = first + block.body.count("\n", entry.place.start, entry.place.stop)
        assert len(rows) == len(dedented)  # noqa: S101
        place = slice(start + len("".join(rows[:first])), start + len("".join(rows[:last])))
        yield Example(entry.command, False, block.line + 1 + entry.line, block.rule, entry.shown, place, block.indent)


def _only_comments(text: str) -> bool:
    lines = text.replace("-->", "-->\n").split("\n")
    return all(not line.strip() or line.strip().startswith("<!--") for line in lines)
