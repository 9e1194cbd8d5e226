"""Flags made from the declarations of settings, and the tables that they give back."""

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from nextword.settings import Settings
from nextword.storage.single_file import kind_of

Tables = dict[str, dict[str, Any]]

_HELP = "Refuse bytes that are not UTF-8 and NULs, or read U+FFFD for them"


class SettingsCommand(click.Command):
    """A command whose help lists the flags of each group of settings under a heading of their own.

    A command that begins with a preset says so in each heading.
    """

    def format_options(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the plain options first, then each group."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(context):
            record = parameter.get_help_record(context) if isinstance(parameter, click.Option) else None
            if record is not None:
                group = parameter.group if isinstance(parameter, SettingOption) else "Options"
                sections.setdefault(group, []).append(record)
        has_presets = any(parameter.name == "preset" for parameter in self.get_params(context))
        for group, records in sections.items():
            settings = f"Settings of [{group}]{', as the preset has them unless given' if has_presets else ''}"
            with formatter.section(group if group == "Options" else settings):
                formatter.write_dl(records)


class SettingOption(click.Option):
    """A flag that stands for one field of a group of settings."""

    def __init__(self, *args: Any, group: str, field: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.group = group
        self.field = field


class _Numbers(click.ParamType[Any]):
    """Numbers with commas between them, such as `650,650`."""

    name = "N,N,..."

    def __init__(self, kind: type[int] | type[float]) -> None:
        self.kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        try:
            return tuple(self.kind(part) for part in value.split(","))
        except ValueError:
            like = (
                "whole numbers with commas between them, such as 650,650" if self.kind is int else "numbers with commas"
            )
            self.fail(f"{value!r} must be {like}", param, ctx)


def settings_options(
    kinds: Sequence[type[Settings]], *, without: Sequence[str] = ()
) -> Callable[[click.Command], click.Command]:
    """Return a decorator that gives a command one flag for each field of `kinds`, none of them with a default."""

    def decorate(command: click.Command) -> click.Command:
        for kind in kinds:
            hints = typing.get_type_hints(kind)
            for field in dataclasses.fields(kind):
                if field.name not in without:
                    command.params.append(_option(kind, field, hints[field.name]))
        return command

    return decorate


def given_tables(context: click.Context) -> Tables:
    """Return the settings that were given as flags, as tables by group."""
    tables: Tables = {}
    for parameter in context.command.params:
        if isinstance(parameter, SettingOption) and context.params.get(_key(parameter.field)) is not None:
            tables.setdefault(parameter.group, {})[parameter.field] = context.params[_key(parameter.field)]
    return tables


def given_settings[Options: Settings](context: click.Context, kind: type[Options]) -> Options:
    """Return the settings of one group: those that were given as flags, and the defaults of the others."""
    return kind.from_table(given_tables(context).get(kind.group, {}))


def _key(field: str) -> str:
    return f"setting_{field}"


def _option(kind: type[Settings], field: dataclasses.Field[Any], hint: Any) -> SettingOption:
    flag = f"--{field.name.replace('_', '-')}"
    if isinstance(hint, types.UnionType):
        hint = next(option for option in typing.get_args(hint) if option is not types.NoneType)
    declared = f"{flag}/--no-{flag[2:]}" if hint is bool else flag
    return SettingOption(
        [declared, _key(field.name)],
        group=kind.group,
        field=field.name,
        type=_parameter_type(hint),
        default=None,
        help=field.metadata["help"],
    )


def _parameter_type(hint: Any) -> Any:
    if typing.get_origin(hint) is typing.Literal:
        return click.Choice(typing.get_args(hint))
    if typing.get_origin(hint) is tuple:
        return _Numbers(typing.get_args(hint)[0])
    parameter_types: Mapping[Any, Any] = {bool: click.BOOL, int: click.INT, float: click.FLOAT}
    return parameter_types.get(hint, click.STRING)


class OutputFile(click.Path):
    """A file to be written in a folder that is there: said before hours of work are done, and not after."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, dir_okay=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path, or fail where its folder is missing, or no file can take its place."""
        path = Path(str(super().convert(value, param, ctx)))
        if not path.absolute().parent.is_dir():
            self.fail(f"{str(path)!a} must be in a folder that is there, but {str(path.parent)!a} is none", param, ctx)
        if path.exists() and not path.is_file():
            self.fail(f"{str(path)!a} must be a file or a new name, but is {kind_of(path)}", param, ctx)
        return path


def bad_bytes_option[Function: Callable[..., Any]](function: Function) -> Function:
    """Give a command the option `--on-bad-bytes`."""
    return click.option(
        "--on-bad-bytes",
        type=click.Choice(["strict", "replace"]),
        default="strict",
        show_default=True,
        help=f"{_HELP}.",
    )(function)


def bad_bytes_of_splits_option[Function: Callable[..., Any]](function: Function) -> Function:
    """Give a command the option `--on-bad-bytes`, `None` where it is not given."""
    return click.option(
        "--on-bad-bytes",
        type=click.Choice(["strict", "replace"]),
        help=f"{_HELP}; else as in training for the text of the run, and strict for another.",
    )(function)
