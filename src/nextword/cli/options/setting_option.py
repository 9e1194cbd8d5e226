"""Flags made from the declarations of settings."""

import dataclasses
import types
import typing
from collections.abc import Sequence
from typing import Any, Self

import click

from nextword.settings import Settings

Tables = dict[str, dict[str, Any]]


class SettingOption(click.Option):
    """A flag for one field of a group of settings. It has no default of its own: only what is given overrides.

    Attributes:
        group: The group of settings.
        field: The field.
    """

    def __init__(self, kind: type[Settings], field: dataclasses.Field[Any], hint: Any) -> None:
        if typing.get_origin(hint) in (types.UnionType, typing.Union):
            hint = next(option for option in typing.get_args(hint) if option is not types.NoneType)
        name = field.name.replace("_", "-")
        declared = f"--{name}/--no-{name}" if hint is bool else f"--{name}"
        # The prefix tells `--seed` of the settings from a parameter `seed` of the command.
        names, parameter_type = [declared, f"setting_{field.name}"], _parameter_type(hint)
        super().__init__(names, type=parameter_type, default=None, help=field.metadata["help"])
        self.group, self.field = kind.group, field

    @classmethod
    def of(cls, kind: type[Settings], without: Sequence[str] = ()) -> list[Self]:
        """Return a flag for each field of `kind`, except for the names in `without`."""
        hints = typing.get_type_hints(kind)
        return [cls(kind, field, hints[field.name]) for field in dataclasses.fields(kind) if field.name not in without]

    @property
    def shown_default(self) -> str:
        """The value of the field if nothing overrides it, in words."""
        default = self.field.default
        if default is dataclasses.MISSING:
            return "from the preset"
        return self.field.metadata["unset"] if default in (None, ()) else shown(default)


class _Numbers(click.ParamType[Any]):
    """Numbers separated by commas, such as `650,650`."""

    name = "N,N,..."

    def __init__(self, kind: type[int] | type[float]) -> None:
        self.kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return tuple(self.kind(part) for part in value.split(","))
        except ValueError:
            whole = "whole numbers separated by commas, such as 650,650"
            self.fail(f"{value!r} must be {whole if self.kind is int else 'numbers separated by commas'}", param, ctx)


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


def _parameter_type(hint: Any) -> Any:
    if typing.get_origin(hint) is typing.Literal:
        return click.Choice(typing.get_args(hint))
    if typing.get_origin(hint) is tuple:
        return _Numbers(typing.get_args(hint)[0])
    return hint
