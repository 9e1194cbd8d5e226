"""What a command prints besides its results, and how: messages, details, colors."""

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from nextword.text.tokens.vocabulary import Vocabulary

_MANY_UNKNOWN = 0.3
"""Share of unknown words above which scores say little about a line."""


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


@dataclass
class Invocation:
    """What a command line asks of all output."""

    arguments: Sequence[str] = ()  # the words after `nextword`
    verbosity: int = 0  # -1 with `--quiet`, 1 with `--verbose`, else 0
    color: bool = True  # whether colors and bold text are allowed

    def __post_init__(self) -> None:
        self.color = self.color and not os.environ.get("NO_COLOR")


COMMON = ("quiet", "verbose", "no_color", "show_help", "show_all_help")
"""Names of the options that every command has."""


def invocation() -> Invocation:
    """Return what the command that runs was asked; the defaults outside a command."""
    context = click.get_current_context(silent=True)
    return (context and context.find_object(Invocation)) or Invocation()


def say(message: str) -> None:
    """Print a message on standard error, unless `--quiet`. If nobody reads it any more, it goes nowhere."""
    if invocation().verbosity >= 0:
        try:
            click.echo(message, err=True, color=None if invocation().color else False)
        except BrokenPipeError:  # Python would fail on it once more at exit, and change the exit code
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def detail(message: str) -> None:
    """Print a detail on standard error if `--verbose`."""
    if invocation().verbosity > 0:
        click.echo(f"nextword: {message}", err=True)


def warn(message: str) -> None:
    """Print a warning on standard error, in the form of an error, unless `--quiet`."""
    say(error_text(message, kind="warning"))


def error_text(message: str, otherwise: str = "", *, kind: str = "error") -> str:
    """Return an error with a line `error:`, and a line `hint:` for each way to repair it."""
    wrong, *repairs = _clauses(message)
    repairs = repairs or [otherwise] * bool(otherwise)
    hints = (f"{click.style('hint:', fg='cyan', bold=True)} {repair.removeprefix('or ')}" for repair in repairs)
    color = "red" if kind == "error" else "yellow"
    return "\n".join((f"{click.style(f'{kind}:', fg=color, bold=True)} {wrong}", *hints))


def _clauses(message: str) -> Iterator[str]:
    start = 0
    for part in _PARTS.finditer(message):
        if part["end"]:
            yield message[start : part.start()]
            start = part.end()
    yield message[start:]


def warn_of_unknown_words(num_unknown: int, num_tokens: int, vocabulary: "Vocabulary", *, lowercase: bool) -> None:
    """Print a warning with a remedy if 30 % of the tokens are unknown."""
    if num_unknown < _MANY_UNKNOWN * max(1, num_tokens):
        return
    advice = "train on text that is written as these lines are"
    if any(token != token.lower() for token in vocabulary.tokens):
        advice = f"write capitals and punctuation as in the text of the model, or {advice}"
    elif not lowercase:
        advice = f"give `--lowercase` if they have capitals, or {advice}"
    share = f"{num_unknown / num_tokens:.0%} of the tokens are not in the vocabulary of the model"
    warn(f"{share}, so the scores say little; {advice}")


def _set(name: str, value: Any) -> Callable[[click.Context, click.Parameter, bool], None]:
    def callback(context: click.Context, _parameter: click.Parameter, given: bool) -> None:
        call = context.find_object(Invocation)
        if given and call:
            setattr(call, name, value)

    return callback


def common_options() -> list[click.Option]:
    """Return the options that every command has."""
    switch: dict[str, Any] = {"is_flag": True, "expose_value": False, "is_eager": True}
    return [
        click.Option(
            ["-q", "--quiet"], help="Print results and errors only.", callback=_set("verbosity", -1), **switch
        ),
        click.Option(
            ["-v", "--verbose"],
            help="Print details, and the traceback of an error.",
            callback=_set("verbosity", 1),
            **switch,
        ),
        click.Option(
            ["--no-color"], help="Print no colors; NO_COLOR=1 does the same.", callback=_set("color", False), **switch
        ),
    ]
