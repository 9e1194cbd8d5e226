"""Flags and arguments made from the declarations of settings.

A command declares its own in a class of `CommandOptions`, one field for each flag or argument. Settings of a model or
a run have a flag for each field too, without a default: only what is given overrides a preset or a file. At the end are
the fields that several commands share.
"""

import dataclasses
import inspect
import json
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import click
from click.shell_completion import CompletionItem

from nextword.cli.options.parameter_types import PATH, Number, Numbers, WordChoice
from nextword.settings import Settings, setting

Tables = dict[str, dict[str, Any]]
Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]

_BAD_BYTES = "Refuse bytes that are not UTF-8 and NULs, or replace them with U+FFFD."


@dataclasses.dataclass(frozen=True, kw_only=True)
class CommandOptions(Settings):
    """The base class of the flags and arguments of a command: fields made by `option` and `argument`."""

    group: ClassVar[str] = "command"


def option(
    default: Any = dataclasses.MISSING,
    *names: str,
    help: str,
    at_least: float | None = None,
    at_most: float | None = None,
    unset: str = "",
    complete: Complete | None = None,
    is_rare: bool = False,
    **declared: Any,
) -> Any:
    """Return the field of a flag.

    Args:
        default: Its value if it is not given; the flag must be given if this is left out.
        names: Its names on the command line; with no long one, the name of the field is added.
        help: What it does.
        at_least: The smallest value.
        at_most: The largest value.
        unset: The default in words, if the value does not say it; `none` for `None`.
        complete: Completes its value in a shell.
        is_rare: Whether the short help leaves it out.
        declared: What else `click.Option` takes, such as `type`, `metavar` and `envvar`.
    """
    field = setting(default, help=help, at_least=at_least, at_most=at_most, unset=unset)
    own = {"names": names, "is_rare": is_rare, "declared": {**declared, "shell_complete": complete}}
    return dataclasses.field(default=default, metadata={**field.metadata, **own})


@dataclasses.dataclass(frozen=True, kw_only=True)
class JsonOptions(CommandOptions):
    """The options of a command that prints JSON on request; `--json` comes last in its help."""

    as_json: bool = option(False, "--json", help="Print JSON.")

    def show(self, table: Any, text: str) -> None:
        """Print a table as JSON if that was asked for, else the same as text."""
        click.echo(json.dumps(table, allow_nan=False) if self.as_json else text)


def argument(default: Any = dataclasses.MISSING, *, complete: Complete | None = None, **declared: Any) -> Any:
    """Return the field of an argument.

    Args:
        default: Its value if it is not given; it must be given if this is left out.
        complete: Completes it in a shell.
        declared: What else `click.Argument` takes, such as `type` and `metavar`.
    """
    own = {"is_argument": True, "may_be_empty": default == (), "declared": {**declared, "shell_complete": complete}}
    return dataclasses.field(default=default, metadata=own)


class Option(click.Option):
    """A flag of one command."""

    is_rare = False  # whether the short help leaves it out


class SettingOption(click.Option):
    """A flag for one field of a group of settings. It has no default of its own: only what is given overrides."""

    def __init__(self, kind: type[Settings], field: dataclasses.Field[Any], hint: Any) -> None:
        name = field.metadata["flag"] or field.name.replace("_", "-")
        declared = f"--{name}/--no-{name}" if hint is bool else f"--{name}"
        # The prefix tells `--seed` of the settings from a parameter `seed` of the command.
        names, parameter_type = [declared, f"setting_{field.name}"], _parameter_type(hint)
        super().__init__(names, type=parameter_type, default=None, help=field.metadata["help"])
        self.group, self.field, self.task = kind.group, field, field.metadata["task"] or kind.task

    @property
    def shown_default(self) -> str:
        """The value of the field if nothing overrides it, in words."""
        default = self.field.default
        if default is dataclasses.MISSING:
            return "from the preset"
        return self.field.metadata["unset"] if default in (None, ()) else shown(default)


def parameters_of(kind: type[Settings], without: Sequence[str] = ()) -> Iterator[click.Parameter]:
    """Yield a flag or an argument for each field of `kind`, except for the names in `without`; inherited flags last."""
    hints, classes = typing.get_type_hints(kind), reversed(list(enumerate(kind.__mro__)))
    inherited = {name: distance for distance, each in classes for name in inspect.get_annotations(each)}
    for field in sorted(dataclasses.fields(kind), key=lambda field: _is_flag(field) and inherited[field.name]):
        hint = hints[field.name]
        if typing.get_origin(hint) in (types.UnionType, typing.Union):
            hint = next(option for option in typing.get_args(hint) if option is not types.NoneType)
        if issubclass(kind, CommandOptions):
            yield _own_option(field, hint) if _is_flag(field) else _own_argument(field, hint)
        elif field.name not in without:
            yield SettingOption(kind, field, hint)


def _is_flag(field: dataclasses.Field[Any]) -> bool:
    return "is_argument" not in field.metadata


def _own_option(field: dataclasses.Field[Any], hint: Any) -> Option:
    names = list(field.metadata["names"])
    if not any(name.startswith("--") for name in names):
        names.append(f"--{field.name.replace('_', '-')}")
    default = field.metadata["unset"] or ("none" if field.default is None else None)
    facts: dict[str, Any] = {"is_flag": hint is bool, "multiple": _is_many(hint), "show_default": default}
    made = Option([*names, field.name], help=field.metadata["help"], **facts, **_declared(field, hint))
    made.is_rare = field.metadata["is_rare"]
    return made


def _own_argument(field: dataclasses.Field[Any], hint: Any) -> click.Argument:
    return click.Argument([field.name], nargs=-1 if _is_many(hint) else 1, **_declared(field, hint))


def _declared(field: dataclasses.Field[Any], hint: Any) -> dict[str, Any]:
    kind = typing.get_args(hint)[0] if _is_many(hint) else hint
    declared = {"type": _parameter_type(kind, field.metadata), **field.metadata["declared"]}
    is_required = field.default is dataclasses.MISSING
    return declared | ({"required": True} if is_required else {"required": False, "default": field.default})


def _is_many(hint: Any) -> bool:
    return typing.get_origin(hint) is tuple


def given_tables(context: click.Context) -> Tables:
    """Return the settings that were given as flags, by group."""
    given: Tables = {}
    for parameter in context.command.params:
        if isinstance(parameter, SettingOption) and (value := context.params.get(str(parameter.name))) is not None:
            given.setdefault(parameter.group, {})[parameter.field.name] = value
    return given


def given_settings[Options: Settings](given: Tables, kind: type[Options]) -> Options:
    """Return the settings of one group: the flags that were given, and defaults for the others."""
    return kind.from_table(given.get(kind.group, {}))


def shown(value: Any) -> str:
    """Return a value as it is typed on a command line."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple | list):
        return ",".join(map(shown, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _parameter_type(hint: Any, limits: typing.Mapping[str, Any] = types.MappingProxyType({})) -> Any:
    if typing.get_origin(hint) is typing.Literal:
        return WordChoice(typing.get_args(hint))
    if _is_many(hint):
        return Numbers(typing.get_args(hint)[0])
    if hint in (int, float):
        return Number(hint, limits.get("at_least"), limits.get("at_most"))
    return PATH if hint is Path else hint


def data_dir_option() -> Any:
    """Return the field of `--data-dir`: a path or `None`."""
    return option(None, help="Folder of sample texts.", type=PATH, metavar="DIR", unset="NEXTWORD_DATA", is_rare=True)


def lowercase_option() -> Any:
    """Return the field of `--lowercase`."""
    return option(False, help="Read the lines in lower case, for a model of lower-case text.")


def lower_cased(lines: Iterable[str], *, lowercase: bool) -> Iterable[str]:
    """Return the lines, in lower case if `lowercase`."""
    return (line.lower() for line in lines) if lowercase else lines


def bad_bytes_option() -> Any:
    """Return the field of `--on-bad-bytes`: what bytes that are not UTF-8 come to."""
    return option("strict", help=_BAD_BYTES, is_rare=True)


def bad_bytes_of_splits_option() -> Any:
    """Return the field of `--on-bad-bytes` for a text that may be that of a run; `None` then follows the run."""
    default = "as in training for the run's text, else strict"
    return option(None, help=_BAD_BYTES, unset=default, is_rare=True)
