"""Names of methods after training, as the shell completes them."""

import click
from click.shell_completion import CompletionItem

from nextword.engine.chain import METHODS, STATIC


def complete_methods(_context: click.Context, _option: click.Parameter, typed: str) -> list[CompletionItem]:
    """Return the methods that may come last, after those that were typed before a comma."""
    before, comma, last = typed.rpartition(",")
    names = [name for name in METHODS if name not in before.split(",")] if comma else [STATIC, *METHODS]
    return [CompletionItem(f"{before}{comma}{name}") for name in names if name.startswith(last)]
