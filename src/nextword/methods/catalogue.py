"""All methods by their names."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from typing import Any

from nextword.engine.ensemble_engine import EnsembleOptions
from nextword.errors import SettingError
from nextword.methods.cache import Cache
from nextword.methods.dropout import Dropout
from nextword.methods.dynamic import Dynamic
from nextword.methods.method import Method
from nextword.methods.ngram import Ngram
from nextword.methods.temperature import Temperature
from nextword.settings import Settings, unknown_name

STATIC = "static"
"""The name of no method at all: the model as it was trained."""

METHODS: dict[str, Method[Any]] = {
    method.name: method for method in (Temperature(), Cache(), Ngram(), Dynamic(), Dropout())
}

KINDS: tuple[type[Settings], ...] = (*(method.kind for method in METHODS.values()), EnsembleOptions)
"""The settings of all methods."""


def tables_of(settings: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return settings of any methods, given by their names, in a table for each group.

    Raises:
        SettingError: A name is not that of a setting.

    Example:
        >>> tables_of({"cache_size": 200, "temperature": 0.9})
        {'cache': {'cache_size': 200}, 'temperature': {'temperature': 0.9}}
    """
    groups = {field.name: kind.group for kind in KINDS for field in fields(kind)}
    tables: dict[str, dict[str, Any]] = {}
    for name, value in settings.items():
        if name not in groups:
            raise SettingError(unknown_name("setting of a method", name, groups))
        tables.setdefault(groups[name], {})[name] = value
    return tables


def require_used(tables: Mapping[str, Mapping[str, Any]], methods: Collection[Method[Any]], *, ensemble: bool) -> None:
    """Raise where a setting was given that belongs to no method that was asked for.

    Raises:
        SettingError: There is one.
    """
    used = {method.kind.group for method in methods} | ({EnsembleOptions.group} if ensemble else set())
    for group, table in tables.items():
        if group not in used:
            kinds = [f"the method `{method.name}`" for method in METHODS.values() if method.kind.group == group]
            raise SettingError(
                f"{', '.join(f'`{name}`' for name in table)} must go with {(kinds or ['an ensemble'])[0]}, which was "
                "not asked for; ask for it, or leave the setting out"
            )


def methods_of(names: Sequence[str]) -> list[Method[Any]]:
    """Return the methods of these names, the first of them the innermost; none for `static`.

    Raises:
        SettingError: A name is unknown, or the methods do not go together.

    Example:
        >>> [method.name for method in methods_of(["cache", "temperature"])]
        ['cache', 'temperature']
    """
    for name in names:
        if name not in METHODS and name != STATIC:
            raise SettingError(unknown_name("method", name, [STATIC, *METHODS]))
        if names.count(name) > 1:
            raise SettingError(f"a method must be named once, but `{name}` is named {names.count(name)} times")
    if STATIC in names:
        if len(names) > 1:
            raise SettingError(f"`{STATIC}` must stand alone, but is joined with others; leave it out")
        return []
    methods = [METHODS[name] for name in names]
    for method in methods[1:]:
        if method.is_innermost:
            raise SettingError(
                f"`{method.name}` must be the first of the methods that are joined, since it goes around the model "
                f"itself, but `{names[0]}` stands before it"
            )
    return methods
