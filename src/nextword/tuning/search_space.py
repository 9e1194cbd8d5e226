"""What a sweep varies, read from the tables of a TOML file and checked before anything is trained."""

import dataclasses
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from optuna import Trial

from nextword.architecture import ModelOptions
from nextword.batching.options import BatchOptions
from nextword.errors import SettingError
from nextword.settings import Settings, unknown_name
from nextword.training.config import RunConfig, merge_tables
from nextword.training.options import TrainingOptions
from nextword.tuning.dimension import (
    Choices,
    Dimension,
    Domain,
    JoinedSettings,
    Label,
    Range,
    ScaledSettings,
    flat,
    nested,
    read_domain,
)

_GROUPS: dict[str, type[Settings]] = {"batching": BatchOptions, "model": ModelOptions, "training": TrainingOptions}
_NOT_SEARCHED = {
    "training.minutes": "`--minutes-per-trial` gives all trials the same",
    "training.round_steps": "`--rounds` decides it, so that all trials are compared at the same part of their training",
}


@dataclass(frozen=True)
class SearchSpace:
    """What a sweep varies.

    Attributes:
        dimensions: Each of the things that vary.
        base: The settings of a trial, before anything is varied.
    """

    dimensions: tuple[Dimension, ...]
    base: RunConfig

    @classmethod
    def read(cls, tables: Mapping[str, Any], base: RunConfig) -> "SearchSpace":
        """Return the space that tables declare around the settings of `base`.

        Each of [batching], [model] and [training] holds settings with the values to search; [scale] holds factors
        for several settings, [together] choices of several settings at once.

        Raises:
            SettingError: A name is unknown, a value is refused, or a setting is decided twice.

        Example:
            >>> quick = RunConfig.of("quick")
            >>> space = SearchSpace.read({"training": {"learning_rate": {"low": 0.001, "high": 0.01}}}, quick)
            >>> space.own_labels()
            {'training.learning_rate': 0.006}
        """
        dimensions: list[Dimension] = []
        for group, table in tables.items():
            if group == "text":
                raise SettingError(
                    "[text] must not be searched, since perplexities over different tokens cannot be compared; "
                    "give its settings as flags"
                )
            if group not in _READERS:
                raise SettingError(unknown_name("table of a search space", group, _READERS))
            if not isinstance(table, Mapping):
                raise SettingError(f"`{group}` of a search space must be a table, but is {table!r}")
            for name, declared in table.items():
                with _naming(f"{group}.{name}"):
                    dimensions.append(_READERS[group](f"{group}.{name}", declared, base))
        space = cls(tuple(dimensions), base)
        space._check()
        return space

    def suggest(self, trial: Trial) -> RunConfig:
        """Return the settings of a trial of Optuna, each that it has no value for yet suggested now.

        Raises:
            SettingError: The values do not go together.
        """
        values = {dimension.name: dimension.domain.suggest(trial, dimension.name) for dimension in self.dimensions}
        return self.config(values)

    def config(self, values: Mapping[str, Any]) -> RunConfig:
        """Return the settings that follow from a value for some or all dimensions, by name.

        Raises:
            SettingError: The values do not go together.
        """
        overlays = [each.tables(values[each.name]) for each in self.dimensions if each.name in values]
        return RunConfig.from_tables(merge_tables(self.base.to_tables(), *overlays))

    def own_labels(self) -> dict[str, Label]:
        """Return the base's own values, as Optuna keeps them, of the dimensions that hold them."""
        base = base_values(self.base)
        labels = {each.name: each.domain.label(each.own_value(base)) for each in self.dimensions}
        return {name: label for name, label in labels.items() if label is not None}

    def _check(self) -> None:
        """Raise if a value is refused, or a setting is decided twice."""
        if not self.dimensions:
            raise SettingError("a search space must vary at least one setting, but is empty; add one")
        decided: dict[str, str] = {}
        for dimension in self.dimensions:
            for target in dimension.targets:
                if (other := decided.setdefault(target, dimension.name)) != dimension.name:
                    raise SettingError(
                        f"`{target}` must be searched once, but `{other}` and `{dimension.name}` both decide it; "
                        "leave out one of the two"
                    )
            for value in dimension.domain.corners:
                with _naming(dimension.name):
                    self.config({dimension.name: value})


def base_values(base: RunConfig) -> dict[str, Any]:
    """Return every setting that may be searched and is not `None`, as `group.setting`."""
    return flat({name: getattr(base, name).to_table() for name in _GROUPS})


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Name the part of the search space in which an error is met."""
    try:
        yield
    except SettingError as error:
        raise SettingError(f"in the search space, `{name}`: {error}") from error


def _one_setting(name: str, declared: Any, _base: RunConfig) -> Dimension:
    _require_searchable(name)
    return Dimension(name, _typed(name, read_domain(declared)), (name,))


def _scaled_settings(name: str, declared: Any, base: RunConfig) -> Dimension:
    names = declared.get("settings") if isinstance(declared, Mapping) else None
    if not (isinstance(names, list) and names and all(isinstance(name, str) for name in names)):
        raise SettingError(
            f'must name what is multiplied, such as settings = ["model.input_dropout_rate"], but is {declared!r}'
        )
    domain = read_domain({part: value for part, value in declared.items() if part != "settings"})
    values, originals = base_values(base), {}
    for target in names:
        _require_searchable(target)
        original = values.get(target)
        if isinstance(original, bool) or not isinstance(original, int | float) or not original:
            raise SettingError(
                f"`{target}` must be a number other than 0 to be multiplied, but is {original!r}; "
                "set it by a flag or leave it out"
            )
        originals[target] = original
    return ScaledSettings(name, domain, tuple(originals), originals)


def _joined_settings(name: str, declared: Any, _base: RunConfig) -> Dimension:
    domain = read_domain(declared)
    if isinstance(domain, Range) or not all(_is_tables(choice) for choice in domain.values):
        raise SettingError(
            "must be choices of tables, such as {choices = [{model.embedding_size = 160}, ...]}, but is "
            f"{declared!r}"
        )
    targets = [tuple(flat(choice)) for choice in domain.values]
    for target in targets[0]:
        _require_searchable(target)
    if odd := next((other for other in targets if set(other) != set(targets[0])), None):
        raise SettingError(f"each choice must hold the same settings, but one holds {targets[0]} and another {odd}")
    # In one order, so that a choice can be told from another by its text.
    ordered = tuple(nested({target: flat(choice)[target] for target in targets[0]}) for choice in domain.values)
    return JoinedSettings(name, Choices(ordered), targets[0])


_READERS: dict[str, Callable[[str, Any, RunConfig], Dimension]] = {
    **dict.fromkeys(_GROUPS, _one_setting),
    "scale": _scaled_settings,
    "together": _joined_settings,
}


def _require_searchable(target: str) -> None:
    group, _, name = target.partition(".")
    if group not in _GROUPS:
        raise SettingError(f"a setting must be named GROUP.SETTING with one of {', '.join(_GROUPS)}, but is `{target}`")
    fields = [field.name for field in dataclasses.fields(_GROUPS[group])]
    if name not in fields:
        raise SettingError(unknown_name(f"setting of [{group}]", name, fields))
    if target in _NOT_SEARCHED:
        raise SettingError(f"must not be searched, since {_NOT_SEARCHED[target]}; leave it out")


def _typed(name: str, domain: Domain) -> Domain:
    """Return `domain` with the bounds of a range in the type of its setting, or raise if it has none."""
    if isinstance(domain, Choices):
        return domain
    group, setting = name.split(".")
    hint = typing.get_type_hints(_GROUPS[group])[setting]
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if float in options:
        return Range(float(domain.low), float(domain.high), domain.log)
    if int not in options:
        raise SettingError("has no range, since it is not a number; write {choices = [...]}")
    if not isinstance(domain.low, int) or not isinstance(domain.high, int):
        raise SettingError(f"`low` and `high` must be whole numbers, but are {domain.low} and {domain.high}")
    return domain


def _is_tables(value: Any) -> bool:
    return isinstance(value, Mapping) and bool(value) and all(isinstance(table, Mapping) for table in value.values())
