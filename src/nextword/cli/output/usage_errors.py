"""Errors of click, the parser of the command line, in the form that all errors of nextword have."""

import re
from collections.abc import Mapping
from difflib import get_close_matches

import click

_ARGUMENTS = {
    "RUN_OR_MODEL": "the directory of a run or a model, or the sample model austen",
    "TEXT": "a line of text in quotes",
    "TEXT_SIZE": "a number of words, such as 250M, or of bytes, such as 40GB",
    "NBEST": "a file with the hypotheses of a recognizer",
    "COMMAND": "a command of nextword, such as train, with its arguments",
}
"""What an argument must be, for the error that it is missing."""

_NOT_A_NUMBER = re.compile(r"(?P<value>.+) is not a valid (?P<kind>integer|float)( range)?", re.DOTALL)
_OUT_OF_RANGE = re.compile(r"(?P<value>.+) is not in the range .+", re.DOTALL)
_NO_CHOICE = re.compile(r"'(?P<value>.*)' is not one of .+", re.DOTALL)
_TOO_MANY = re.compile(r"Got unexpected extra arguments? \((?P<values>.*)\)", re.DOTALL)
_MUST = re.compile(r"(?P<value>'.*?') must be (?P<rule>.+?)(?P<but>, but .+)?", re.DOTALL)

_NEAR = 0.7
"""How similar, from 0 to 1, an option must be to be suggested."""

_KINDS: Mapping[str, str] = {"integer": "an integer", "float": "a number"}


def usage_message(error: click.ClickException) -> str:
    """Return what is wrong with a command line: the rule, the value and the repair, in a line."""
    match error:
        case click.MissingParameter(param=click.Parameter() as parameter):
            return _missing(parameter, error.ctx)
        case click.NoSuchOption():
            near = get_close_matches(error.option_name, error.possibilities or (), n=1, cutoff=_NEAR)
            repair = f"; did you mean `{near[0]}`?" if near else _help_of(error.ctx)
            return f"`{error.option_name}` is not an option of {_command(error.ctx)}{repair}"
        case click.BadOptionUsage():
            takes_value = "does not take a value" not in error.message
            return f"`{error.option_name}` {'needs a value, but has none' if takes_value else 'takes no value'}"
        case click.BadParameter(param=click.Parameter() as parameter):
            return _bad_value(parameter, error.message.removesuffix("."), error.ctx)
    if found := _TOO_MANY.fullmatch(error.message):
        return (
            f"{_command(getattr(error, 'ctx', None))} takes no further arguments, but got `{found['values']}`; leave "
            "that out, or put a text with spaces in quotes"
        )
    return _as_clause(error.format_message())


def _command(context: click.Context | None) -> str:
    return f"`{context.command_path}`" if context else "this command"


def _help_of(context: click.Context | None) -> str:
    return f"; `{context.command_path} --help-all` lists the options" if context else ""


def _missing(parameter: click.Parameter, context: click.Context | None) -> str:
    if isinstance(parameter, click.Option):
        return f"`{parameter.opts[0]}` must be given: {parameter.help}"
    name = _name(parameter, context)
    if isinstance(parameter.type, click.Choice):
        name = f"one of {', '.join(parameter.type.choices)}"
    return f"{name} must be given: {_ARGUMENTS[name]}" if name in _ARGUMENTS else f"{name} must be given"


def _name(parameter: click.Parameter, context: click.Context | None) -> str:
    """Return how an error names a parameter, such as `-k`/`--top` or TEXT."""
    if isinstance(parameter, click.Option):
        return "/".join(f"`{name}`" for name in parameter.opts)
    metavar = parameter.make_metavar(context or click.Context(click.Command(None)))
    return re.split(r"\.\.\.| ", metavar)[0].strip("[]")


def _bad_value(parameter: click.Parameter, message: str, context: click.Context | None) -> str:
    name, kind = _name(parameter, context), parameter.type
    if found := _NOT_A_NUMBER.fullmatch(message):
        return f"{name} must be {_KINDS[found['kind']]}, but is {found['value']}"
    if isinstance(kind, click.IntRange | click.FloatRange) and (found := _OUT_OF_RANGE.fullmatch(message)):
        return f"{name} must be {_limits(kind)}, but is {found['value']}"
    if isinstance(kind, click.Choice) and (found := _NO_CHOICE.fullmatch(message)):
        near = get_close_matches(found["value"], kind.choices, n=1)
        repair = f"; did you mean `{near[0]}`?" if near else ""
        return f"{name} must be one of {', '.join(kind.choices)}, but is '{found['value']}'{repair}"
    if found := _MUST.fullmatch(message):
        return f"{name} must be {found['rule']}, but is {found['value']}" if not found["but"] else f"{name}: {message}"
    return f"{name}: {_as_clause(message)}"


def _limits(kind: click.IntRange | click.FloatRange) -> str:
    if kind.min is not None and kind.max is not None:
        return f"from {kind.min} to {kind.max}"
    return f"at least {kind.min}" if kind.min is not None else f"at most {kind.max}"


def _as_clause(message: str) -> str:
    """Return a sentence without its capital and its full stop."""
    message = message.removesuffix(".")
    return message if message[:2].isupper() else message[:1].lower() + message[1:]
