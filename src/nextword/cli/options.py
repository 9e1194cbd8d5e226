"""Flags made from the declarations of settings, and the options and arguments that several commands share."""

import dataclasses
import types
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from nextword.settings import Settings
from nextword.storage.single_file import kind_of

Tables = dict[str, dict[str, Any]]


class SettingOption(click.Option):
    """A flag without a default that stands for one field of a group of settings."""

    def __init__(self, kind: type[Settings], field: dataclasses.Field[Any], hint: Any) -> None:
        if isinstance(hint, types.UnionType):
            hint = next(option for option in typing.get_args(hint) if option is not types.NoneType)
        name = field.name.replace("_", "-")
        declared = f"--{name}/--no-{name}" if hint is bool else f"--{name}"
        # The prefix tells `--seed` of the settings from a parameter `seed` of the command.
        names, parameter_type = [declared, f"setting_{field.name}"], _parameter_type(hint)
        super().__init__(names, type=parameter_type, default=None, help=field.metadata["help"])
        self.group, self.field = kind.group, field.name


class SettingsCommand(click.Command):
    """A command that takes the settings given as flags in one argument, `given`: tables by group.

    Its help lists the flags of each group under a heading of their own. A command that begins with a preset says so in
    each heading.
    """

    def invoke(self, context: click.Context) -> Any:
        """Gather the settings, and run the command."""
        given: Tables = {}
        for parameter in self.params:
            if isinstance(parameter, SettingOption):
                value = context.params.pop(f"setting_{parameter.field}")
                if value is not None:
                    given.setdefault(parameter.group, {})[parameter.field] = value
        context.params["given"] = given
        return super().invoke(context)

    def format_options(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the plain options first, then each group."""
        parameters = self.get_params(context)
        whence = ", as the preset has them unless given" if any(each.name == "preset" for each in parameters) else ""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in parameters:
            # Arguments have a record too.
            if isinstance(parameter, click.Option) and (record := parameter.get_help_record(context)):
                group = parameter.group if isinstance(parameter, SettingOption) else None
                heading = f"Settings of [{group}]{whence}" if group else "Options"
                sections.setdefault(heading, []).append(record)
        for heading, records in sections.items():
            with formatter.section(heading):
                formatter.write_dl(records)


class _Numbers(click.ParamType[Any]):
    """Numbers with commas between them, such as `650,650`."""

    name = "N,N,..."

    def __init__(self, kind: type[int] | type[float]) -> None:
        self.kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return tuple(self.kind(part) for part in value.split(","))
        except ValueError:
            whole = "whole numbers with commas between them, such as 650,650"
            self.fail(f"{value!r} must be {whole if self.kind is int else 'numbers with commas'}", param, ctx)


def settings_command(
    *kinds: type[Settings], without: Sequence[str] = ()
) -> Callable[[Callable[..., Any]], SettingsCommand]:
    """Return a decorator that makes a `SettingsCommand` with one flag for each field of `kinds`."""

    def decorate(function: Callable[..., Any]) -> SettingsCommand:
        names = {"help_option_names": ["-h", "--help"]}
        command = click.command(cls=SettingsCommand, context_settings=names)(function)
        for kind in kinds:
            hints = typing.get_type_hints(kind)
            fields = [field for field in dataclasses.fields(kind) if field.name not in without]
            command.params += [SettingOption(kind, field, hints[field.name]) for field in fields]
        return command

    return decorate


def given_settings[Options: Settings](given: Tables, kind: type[Options]) -> Options:
    """Return the settings of one group: those that were given as flags, and the defaults of the others."""
    return kind.from_table(given.get(kind.group, {}))


def _parameter_type(hint: Any) -> Any:
    if typing.get_origin(hint) is typing.Literal:
        return click.Choice(typing.get_args(hint))
    if typing.get_origin(hint) is tuple:
        return _Numbers(typing.get_args(hint)[0])
    return hint


class OutputFile(click.Path):
    """A file to be written in a folder that exists: said before hours of work are done, and not after."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, dir_okay=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path, or fail if its folder is missing, or no file can take its place."""
        path = Path(str(super().convert(value, param, ctx)))
        if not path.absolute().parent.is_dir():
            self.fail(f"{str(path)!a} must be in a folder that is there, but {str(path.parent)!a} is none", param, ctx)
        if path.exists() and not path.is_file():
            self.fail(f"{str(path)!a} must be a file or a new name, but is {kind_of(path)}", param, ctx)
        return path


data_dir_option = click.option(
    "--data-dir", type=click.Path(path_type=Path), help="Folder of sample corpora; else NEXTWORD_DATA."
)

_BAD_BYTES: dict[str, Any] = {"type": click.Choice(["strict", "replace"])}
_BAD_BYTES_HELP = "Refuse bytes that are not UTF-8 and NULs, or read U+FFFD for them"

bad_bytes_option = click.option(
    "--on-bad-bytes", **_BAD_BYTES, default="strict", show_default=True, help=f"{_BAD_BYTES_HELP}."
)

bad_bytes_of_splits_option = click.option(
    "--on-bad-bytes",
    **_BAD_BYTES,
    help=f"{_BAD_BYTES_HELP}; else as in training for the text of the run, and strict for another.",
)
