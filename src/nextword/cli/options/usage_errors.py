"""Errors of click, the parser of the command line, in the form that all errors of nextword have."""

import re
from difflib import get_close_matches

import click

_NEAR = 0.7
"""How similar, from 0 to 1, an option must be to be suggested."""


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
            problem = "takes no value" if _is_switch(error) else "needs a value, but has none"
            return f"`{error.option_name}` {problem}"
        case click.BadParameter(param=click.Parameter() as parameter):
            name, message = _name(parameter, error.ctx), error.message
            # So fail the types of `cli.parameter_types`.
            return f"{name} {message}" if message.startswith("must ") else f"{name}: {_as_clause(message)}"
    return _as_clause(error.format_message())


def _command(context: click.Context | None) -> str:
    return f"`{context.command_path}`" if context else "this command"


def _help_of(context: click.Context | None) -> str:
    return f"; `{context.command_path} --help-all` lists the options" if context else ""


def _is_switch(error: click.BadOptionUsage) -> bool:
    options = error.ctx.command.params if error.ctx else []
    named = (option for option in options if error.option_name in (*option.opts, *option.secondary_opts))
    return any(isinstance(option, click.Option) and option.is_flag for option in named)


def _missing(parameter: click.Parameter, context: click.Context | None) -> str:
    if isinstance(parameter, click.Option):
        return f"`{parameter.opts[0]}` must be given: {parameter.help}"
    name = _name(parameter, context)
    if isinstance(parameter.type, click.Choice):
        name = f"one of {', '.join(parameter.type.choices)}"
    meaning = getattr(parameter, "meaning", "")  # of `setting_option.Argument`, whose import would slow every start
    return f"{name} must be given: {meaning}" if meaning else f"{name} must be given"


def _name(parameter: click.Parameter, context: click.Context | None) -> str:
    """Return how an error names a parameter, such as `-k`/`--top` or TEXT."""
    if isinstance(parameter, click.Option):
        return "/".join(f"`{name}`" for name in parameter.opts)
    metavar = parameter.make_metavar(context or click.Context(click.Command(None)))
    return re.split(r"\.\.\.| ", metavar)[0].strip("[]")


def _as_clause(message: str) -> str:
    """Return a sentence without its capital and its full stop."""
    message = message.removesuffix(".")
    return message if message[:2].isupper() else message[:1].lower() + message[1:]
