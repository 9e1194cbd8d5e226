"""The dimensions of a search space: what a sweep varies, and the resulting settings."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optuna import Trial

from nextword.errors import SettingError
from nextword.settings import unknown_name

Label = str | int | float
"""A value as Optuna stores it: a number, or the JSON text of a choice."""

Tables = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Range:
    """The numbers from `low` to `high`; only whole numbers if both bounds are whole.

    With `log`, the logarithm is sampled uniformly.
    """

    low: int | float
    high: int | float
    log: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise SettingError(
                f"`low` must be below `high`, but they are {self.low} and {self.high}; "
                "to fix a setting, pass it to `nextword tune` as a flag"
            )
        if self.log and self.low <= 0:
            raise SettingError(f"`low` must be above 0 with `log = true`, but is {self.low}; raise it or drop `log`")

    @property
    def corners(self) -> tuple[int | float, ...]:
        """The values to validate: the bounds."""
        return (self.low, self.high)

    @property
    def is_whole(self) -> bool:
        """Whether the range contains only whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def suggest(self, trial: Trial, name: str) -> int | float:
        """Return the value of an Optuna trial for this name, and suggest one if it has none yet."""
        if self.is_whole:
            return trial.suggest_int(name, int(self.low), int(self.high), log=self.log)
        return trial.suggest_float(name, self.low, self.high, log=self.log)

    def value(self, label: Label) -> Label:
        """Return the value of a label."""
        return label

    def label(self, value: Any) -> Label | None:
        """Return `value` as Optuna stores it, or `None` if it is out of range."""
        if not is_number(value) or not self.low <= value <= self.high:
            return None
        if not self.is_whole:
            return float(value)
        return int(value) if value == int(value) else None


@dataclass(frozen=True)
class Choices:
    """A list of values without an order."""

    values: Sequence[Any]

    def __post_init__(self) -> None:
        labels = [json.dumps(value, default=str) for value in self.values]
        if len(set(labels)) < max(2, len(labels)):
            raise SettingError(
                f"`choices` must have at least two values, all different, but is {list(self.values)}; "
                "to fix a setting, pass it to `nextword tune` as a flag"
            )

    @property
    def corners(self) -> Sequence[Any]:
        """The values to validate: all of them."""
        return self.values

    def suggest(self, trial: Trial, name: str) -> Any:
        """Return the value of an Optuna trial for this name, and suggest one if it has none yet."""
        return self.value(trial.suggest_categorical(name, [json.dumps(value) for value in self.values]))

    def value(self, label: Label) -> Any:
        """Return the value of a label."""
        return json.loads(str(label))

    def label(self, value: Any) -> Label | None:
        """Return `value` as Optuna stores it, or `None` if it is not among the choices."""
        same = (choice for choice in self.values if choice == value and type(choice) in _equal_types(value))
        return next((json.dumps(choice) for choice in same), None)


Domain = Range | Choices


def is_number(value: Any) -> bool:
    """Return whether a value is a number, which `true` is not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _equal_types(value: Any) -> tuple[type, ...]:
    """Return the types that count as equal: 2 and 2.0 are the same number, but 1 and `true` differ."""
    return (int, float) if is_number(value) else (type(value),)


def read_domain(table: Any) -> Domain:
    """Return the domain in a TOML table."""
    if not isinstance(table, Mapping) or not ({"low", "high"} <= table.keys() or "choices" in table):
        raise SettingError(f"must be a table such as {{low = 1, high = 9}} or {{choices = [1, 3]}}, but is {table!r}")
    allowed = ("choices",) if "choices" in table else ("low", "high", "log")
    for name in table:
        if name not in allowed:
            raise SettingError(unknown_name(f"part of a table with `{allowed[0]}`", name, allowed))
    if "choices" in table:
        if not isinstance(table["choices"], list):
            raise SettingError(f"`choices` must be a list, but is {table['choices']!r}; put the values into brackets")
        return Choices(tuple(table["choices"]))
    for bound in ("low", "high"):
        if not is_number(table[bound]):
            raise SettingError(f"`{bound}` must be a number, but is {table[bound]!r}; use `choices` for other values")
    if not isinstance(table.get("log", False), bool):
        raise SettingError(f"`log` must be true or false, but is {table['log']!r}")
    return Range(**table)


@dataclass(frozen=True)
class Dimension:
    """One dimension of a search space: a setting, or in a subclass several settings."""

    name: str  # name in Optuna, tables and messages, such as `training.learning_rate`
    domain: Domain  # the possible values
    targets: tuple[str, ...]  # the settings that it changes, each as `group.setting`

    def tables(self, value: Any) -> Tables:
        """Return the settings for a value, by group."""
        return nested(dict.fromkeys(self.targets, value))

    def base_value(self, base: Mapping[str, Any]) -> Any:
        """Return the value that reproduces the settings of `base`, a mapping from `group.setting` to values."""
        return base.get(self.name)


@dataclass(frozen=True)
class ScaledSettings(Dimension):
    """Several settings multiplied by one factor, such as all dropout rates; its name is `scale.NAME`."""

    originals: Mapping[str, float]  # the value of each setting for the factor 1

    def tables(self, value: float) -> Tables:
        """Return the multiplied settings; whole numbers are rounded."""
        products = {name: original * value for name, original in self.originals.items()}
        return nested(
            {
                name: round(product) if isinstance(self.originals[name], int) else product
                for name, product in products.items()
            }
        )

    def base_value(self, base: Mapping[str, Any]) -> Any:  # noqa: ARG002
        """Return 1."""
        return 1.0


class JoinedSettings(Dimension):
    """Settings that change together; each value is their tables, and its name is `together.NAME`."""

    def tables(self, value: Tables) -> Tables:
        """Return the value itself."""
        return value

    def base_value(self, base: Mapping[str, Any]) -> Any:
        """Return the values of these settings in `base`."""
        return nested({name: base.get(name) for name in self.targets})


def nested(values: Mapping[str, Any]) -> Tables:
    """Convert values named `group.setting` to tables by group."""
    tables: Tables = {}
    for name, value in values.items():
        group, setting = name.split(".", 1)
        tables.setdefault(group, {})[setting] = value
    return tables


def flat(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Convert tables by group to values named `group.setting`."""
    return {f"{group}.{name}": value for group, table in tables.items() for name, value in table.items()}
