"""The examples whose output nothing compares, each with the reason that its page gives."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from documentation.page import Page


def exceptions_in(paths: Iterable[Path]) -> Iterator[str]:
    """Yield `page:line: reason` for each example whose output is not compared."""
    for path in paths:
        for example in Page(path).examples:
            if example.rule.exception:
                yield f"{path}:{example.line}: {example.rule.exception}"
