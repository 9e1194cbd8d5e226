"""The search space of a sweep: the default one, or one read from TOML tables, checked before training."""

import dataclasses
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from optuna import Trial

from nextword.errors import SettingError
from nextword.model.architecture import ModelOptions
from nextword.settings import Settings, unknown_name
from nextword.text.options import BatchOptions
from nextword.training.config import RunConfig, merge_tables
from nextword.training.options import TrainingOptions
from nextword.training.tuning.dimension import (
    Choices,
    Dimension,
    Domain,
    JoinedSettings,
    Label,
    Range,
    ScaledSettings,
    flat,
    is_number,
    nested,
    read_domain,
)

_RATE_FACTOR = 4.0
_WIDTH_FACTORS = (0.75, 1.0, 1.5)
_WIDTH_MULTIPLE = 8
_MIN_DROPOUT, _MAX_DROPOUT_FACTOR, _MAX_DROPOUT = 0.25, 4.0, 0.8
_MAX_LEARNING_RATE, _MAX_BATCH_SIZE = 1000.0, 65_536


def default_space(base: RunConfig) -> dict[str, Any]:
    """Return the tables of the default search space around `base`.

    - Learning rate: a quarter to four times its value.
    - Dropout: all nonzero rates times one factor from 0.25 to 4, up to a rate of 0.8.
    - Batch size: half, the same or double.
    - Width of embedding and layers: 0.75, 1 or 1.5 times.
    """
    values = base_values(base)
    tables = {
        "training": _learning_rate(values),
        "scale": _dropout(values),
        "batching": _batch_size(values),
        "together": _width(values),
    }
    return {name: table for name, table in tables.items() if table}


def _learning_rate(values: dict[str, Any]) -> dict[str, Any]:
    rate = values["training.learning_rate"]
    high = min(rate * _RATE_FACTOR, _MAX_LEARNING_RATE)
    return {"learning_rate": {"low": rate / _RATE_FACTOR, "high": high, "log": True}} if rate else {}


def _dropout(values: dict[str, Any]) -> dict[str, Any]:
    names = [name for name in values if name.endswith(("_dropout_rate", ".weight_drop_rate")) and values[name]]
    if not names:
        return {}
    high = min(_MAX_DROPOUT_FACTOR, round(_MAX_DROPOUT / max(values[name] for name in names), 3))
    return {"dropout": {"low": _MIN_DROPOUT, "high": high, "settings": names}} if high > _MIN_DROPOUT else {}


def _batch_size(values: dict[str, Any]) -> dict[str, Any]:
    size = values["batching.batch_size"]
    choices = sorted({max(1, size // 2), size, min(2 * size, _MAX_BATCH_SIZE)})
    return {"batch_size": {"choices": choices}} if len(choices) > 1 else {}


def _width(values: dict[str, Any]) -> dict[str, Any]:
    choices = [
        {
            "model": {
                "embedding_size": _scaled(values["model.embedding_size"], factor),
                "hidden_sizes": [_scaled(size, factor) for size in values["model.hidden_sizes"]],
            }
        }
        for factor in _WIDTH_FACTORS
    ]
    different = [choice for index, choice in enumerate(choices) if choice not in choices[:index]]
    return {"width": {"choices": different}} if len(different) > 1 else {}


def _scaled(size: int, factor: float) -> int:
    """Return a multiple of 8 near `size * factor`, because it runs faster; `size` itself if the factor is 1."""
    return size if factor == 1 else max(_WIDTH_MULTIPLE, round(size * factor / _WIDTH_MULTIPLE) * _WIDTH_MULTIPLE)


_GROUPS: dict[str, type[Settings]] = {"batching": BatchOptions, "model": ModelOptions, "training": TrainingOptions}
_NOT_SEARCHED = {
    "training.minutes": "`--minutes-per-trial` sets it for all trials",
    "training.base": "trials start from new weights",
    "training.strategy": "one process trains a trial",
    "training.round_steps": "`--rounds` sets it, so that trials are compared at the same fraction of their training",
}


@dataclass(frozen=True)
class SearchSpace:
    """The search space of a sweep."""

    dimensions: tuple[Dimension, ...]  # the dimensions that vary
    base: RunConfig  # the settings around which they vary

    @classmethod
    def read(cls, tables: Mapping[str, Any], base: RunConfig) -> "SearchSpace":
        """Return the search space in TOML tables, around the settings of `base`.

        [batching], [model] and [training] contain single settings with their domains, [scale] factors for several
        settings, and [together] choices of several settings at once.

        Raises:
            SettingError: A name is unknown, a value is invalid, or a setting is searched twice.
        """
        dimensions: list[Dimension] = []
        for group, table in tables.items():
            if group == "text":
                raise SettingError(
                    "[text] must not be searched, because perplexities over different tokens cannot be compared; "
                    "pass its settings as flags"
                )
            if group not in _READERS:
                raise SettingError(unknown_name("table of a search space", group, _READERS))
            if not isinstance(table, Mapping):
                raise SettingError(f"`{group}` of a search space must be a table, but is {table!r}; write [{group}]")
            for name, declared in table.items():
                with _naming_dimension(f"{group}.{name}"):
                    dimensions.append(_READERS[group](f"{group}.{name}", declared, base))
        space = cls(tuple(dimensions), base)
        space._check()
        return space

    def suggest(self, trial: Trial) -> RunConfig:
        """Return the settings of an Optuna trial, and suggest the values that it does not have yet."""
        values = {dimension.name: dimension.domain.suggest(trial, dimension.name) for dimension in self.dimensions}
        return self.config(values)

    def config(self, values: Mapping[str, Any]) -> RunConfig:
        """Return the settings for the values of some or all dimensions, by name."""
        overlays = [each.tables(values[each.name]) for each in self.dimensions if each.name in values]
        return RunConfig.from_tables(merge_tables(self.base.to_tables(), *overlays))

    def base_labels(self) -> dict[str, Label]:
        """Return the values of `base` as Optuna stores them, for the dimensions whose domain contains them."""
        base = base_values(self.base)
        labels = {each.name: each.domain.label(each.base_value(base)) for each in self.dimensions}
        return {name: label for name, label in labels.items() if label is not None}

    def _check(self) -> None:
        if not self.dimensions:
            raise SettingError("a search space must have at least one setting, but is empty; add one")
        decided: dict[str, str] = {}
        for dimension in self.dimensions:
            for target in dimension.targets:
                if (other := decided.setdefault(target, dimension.name)) != dimension.name:
                    raise SettingError(
                        f"`{target}` must be searched once, but is in `{other}` and in `{dimension.name}`; "
                        "leave out one of the two"
                    )
            for value in dimension.domain.corners:
                with _naming_dimension(dimension.name):
                    self.config({dimension.name: value})


def base_values(base: RunConfig) -> dict[str, Any]:
    """Return all searchable settings that are not `None`, by `group.setting`."""
    return flat({name: getattr(base, name).to_table() for name in _GROUPS})


@contextmanager
def _naming_dimension(name: str) -> Iterator[None]:
    """Add the name of a dimension to errors in the block."""
    try:
        yield
    except SettingError as error:
        raise SettingError(f"in the search space, `{name}`: {error}") from error


def _one_setting(name: str, declared: Any, _base: RunConfig) -> Dimension:
    _require_searchable(name)
    return Dimension(name, _with_typed_bounds(name, read_domain(declared)), (name,))


def _scaled_settings(name: str, declared: Any, base: RunConfig) -> Dimension:
    names = declared.get("settings") if isinstance(declared, Mapping) else None
    if not (isinstance(names, list) and names and all(isinstance(name, str) for name in names)):
        raise SettingError(
            'must list the settings to multiply, such as settings = ["model.input_dropout_rate"], but is '
            f"{declared!r}; add `settings`"
        )
    domain = read_domain({part: value for part, value in declared.items() if part != "settings"})
    if not all(map(is_number, domain.corners)):
        raise SettingError(f"must multiply by numbers, but by {list(domain.corners)}; correct `choices`")
    values, originals = base_values(base), {}
    for target in names:
        _require_searchable(target)
        original = values.get(target)
        if isinstance(original, bool) or not isinstance(original, int | float) or not original:
            raise SettingError(
                f"`{target}` must be a nonzero number to be scaled, but is {original!r}; "
                "set it with a flag or leave it out"
            )
        originals[target] = original
    return ScaledSettings(name, domain, tuple(originals), originals)


def _joined_settings(name: str, declared: Any, _base: RunConfig) -> Dimension:
    domain = read_domain(declared)
    if isinstance(domain, Range) or not all(_is_tables(choice) for choice in domain.values):
        raise SettingError(
            "must be a choice of tables, such as {choices = [{model.embedding_size = 160}, ...]}, but is "
            f"{declared!r}; correct it"
        )
    targets = [tuple(flat(choice)) for choice in domain.values]
    for target in targets[0]:
        _require_searchable(target)
    if odd := next((other for other in targets if set(other) != set(targets[0])), None):
        raise SettingError(
            f"each choice must have the same settings, but one has {targets[0]} and another {odd}; add what is missing"
        )
    # The same order in all choices, because they are compared as text.
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
        raise SettingError(f"must not be searched, because {_NOT_SEARCHED[target]}; leave it out")


def _with_typed_bounds(name: str, domain: Domain) -> Domain:
    """Convert the bounds of a range to the type of its setting; raise if the setting is not a number."""
    if isinstance(domain, Choices):
        return domain
    group, setting = name.split(".")
    hint = typing.get_type_hints(_GROUPS[group])[setting]
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if float in options:
        return Range(float(domain.low), float(domain.high), domain.log)
    if int not in options:
        raise SettingError("must be given as {choices = [...]}, because it is not a number, but is a range; rewrite it")
    if not isinstance(domain.low, int) or not isinstance(domain.high, int):
        raise SettingError(
            f"`low` and `high` must be whole numbers, but are {domain.low} and {domain.high}; round them"
        )
    return domain


def _is_tables(value: Any) -> bool:
    return isinstance(value, Mapping) and bool(value) and all(isinstance(table, Mapping) for table in value.values())
