"""One thing that a sweep varies, and the settings that follow from its value."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optuna import Trial

from nextword.errors import SettingError
from nextword.settings import unknown_name

Label = str | int | float
"""What Optuna keeps of a value: a number, or the JSON text of a choice."""

Tables = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Range:
    """All numbers from `low` to `high`, whole ones alone if both are whole; uniform in their logarithm with `log`.

    Raises:
        SettingError: The bounds are not in order, or a logarithm is asked of what is not above 0.
    """

    low: int | float
    high: int | float
    log: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise SettingError(
                f"`low` must be below `high`, but they are {self.low} and {self.high}; "
                "a setting that is not searched is given to `nextword tune` as a flag"
            )
        if self.log and self.low <= 0:
            raise SettingError(f"`low` must be above 0 with `log = true`, but is {self.low}; raise it or drop `log`")

    @property
    def corners(self) -> tuple[int | float, ...]:
        """The values that are refused if any is."""
        return (self.low, self.high)

    @property
    def is_whole(self) -> bool:
        """Whether only whole numbers are meant."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def suggest(self, trial: Trial, name: str) -> int | float:
        """Return the value that a trial of Optuna has under this name, or is given now."""
        if self.is_whole:
            return trial.suggest_int(name, int(self.low), int(self.high), log=self.log)
        return trial.suggest_float(name, self.low, self.high, log=self.log)

    def value(self, label: Label) -> Label:
        """Return the value that Optuna keeps under a label."""
        return label

    def label(self, value: Any) -> Label | None:
        """Return `value` as Optuna keeps it, or `None` if it is outside."""
        if not _is_number(value) or not self.low <= value <= self.high:
            return None
        if not self.is_whole:
            return float(value)
        return int(value) if value == int(value) else None


@dataclass(frozen=True)
class Choices:
    """The values of a list, none nearer to another than the rest.

    Raises:
        SettingError: There are fewer than two, or two alike.
    """

    values: Sequence[Any]

    def __post_init__(self) -> None:
        labels = [json.dumps(value) for value in self.values]
        if len(set(labels)) < max(2, len(labels)):
            raise SettingError(
                f"`choices` must hold at least two values, all different, but is {list(self.values)}; "
                "a setting that is not searched is given to `nextword tune` as a flag"
            )

    @property
    def corners(self) -> Sequence[Any]:
        """The values that are refused if any is."""
        return self.values

    def suggest(self, trial: Trial, name: str) -> Any:
        """Return the value that a trial of Optuna has under this name, or is given now."""
        return self.value(trial.suggest_categorical(name, [json.dumps(value) for value in self.values]))

    def value(self, label: Label) -> Any:
        """Return the value that Optuna keeps under a label."""
        return json.loads(str(label))

    def label(self, value: Any) -> Label | None:
        """Return `value` as Optuna keeps it, or `None` if it is not among the choices."""
        same = (choice for choice in self.values if choice == value and type(choice) in _kin(value))
        return next((json.dumps(choice) for choice in same), None)


Domain = Range | Choices


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _kin(value: Any) -> tuple[type, ...]:
    """Return the types that TOML may write a value in: 2 and 2.0 are one number, 1 and `true` are not the same."""
    return (int, float) if _is_number(value) else (type(value),)


def read_domain(table: Any) -> Domain:
    """Return the domain that a table of TOML declares.

    Raises:
        SettingError: It declares none.

    Example:
        >>> read_domain({"low": 0.001, "high": 0.01, "log": True})
        Range(low=0.001, high=0.01, log=True)
    """
    if not isinstance(table, Mapping) or not ({"low", "high"} <= table.keys() or "choices" in table):
        raise SettingError(f"must be a table such as {{low = 1, high = 9}} or {{choices = [1, 3]}}, but is {table!r}")
    allowed = ("choices",) if "choices" in table else ("low", "high", "log")
    for name in table:
        if name not in allowed:
            raise SettingError(unknown_name(f"part of a table with `{allowed[0]}`", name, allowed))
    if "choices" in table:
        if not isinstance(table["choices"], list):
            raise SettingError(f"`choices` must be a list, but is {table['choices']!r}")
        return Choices(tuple(table["choices"]))
    for bound in ("low", "high"):
        if not _is_number(table[bound]):
            raise SettingError(f"`{bound}` must be a number, but is {table[bound]!r}; others go into `choices`")
    if not isinstance(table.get("log", False), bool):
        raise SettingError(f"`log` must be true or false, but is {table['log']!r}")
    return Range(**table)


@dataclass(frozen=True)
class Dimension:
    """One thing that a sweep varies: a setting, whose name is the dimension's, or what a subclass makes of several.

    Attributes:
        name: What Optuna, the table and the messages call it: `training.learning_rate`.
        domain: The values that it may take.
        targets: The settings that it decides, each as `group.setting`.
    """

    name: str
    domain: Domain
    targets: tuple[str, ...]

    def tables(self, value: Any) -> Tables:
        """Return the settings, by group, that follow from a value."""
        return nested(dict.fromkeys(self.targets, value))

    def own_value(self, base: Mapping[str, Any]) -> Any:
        """Return the value that gives the settings of `base`, which maps `group.setting` to its value."""
        return base.get(self.name)


@dataclass(frozen=True)
class ScaledSettings(Dimension):
    """Settings that are multiplied by one factor: all dropout rates, say. Its name is `scale.NAME`.

    Attributes:
        originals: What each setting is if the factor is 1.
    """

    originals: Mapping[str, float]

    def tables(self, value: float) -> Tables:
        """Return the settings, each multiplied, and whole if it was whole."""
        products = {name: original * value for name, original in self.originals.items()}
        return nested(
            {
                name: round(product) if isinstance(self.originals[name], int) else product
                for name, product in products.items()
            }
        )

    def own_value(self, base: Mapping[str, Any]) -> Any:  # noqa: ARG002
        """Return 1."""
        return 1.0


class JoinedSettings(Dimension):
    """Settings that change together, each value being the tables that hold them. Its name is `together.NAME`."""

    def tables(self, value: Tables) -> Tables:
        """Return the value itself."""
        return value

    def own_value(self, base: Mapping[str, Any]) -> Any:
        """Return what `base` has for these settings."""
        return nested({name: base.get(name) for name in self.targets})


def nested(values: Mapping[str, Any]) -> Tables:
    """Return values that are named `group.setting` as tables by group.

    Example:
        >>> nested({"model.tied": True, "training.epochs": 2, "model.cell": "lstm"})
        {'model': {'tied': True, 'cell': 'lstm'}, 'training': {'epochs': 2}}
    """
    tables: Tables = {}
    for name, value in values.items():
        group, setting = name.split(".", 1)
        tables.setdefault(group, {})[setting] = value
    return tables


def flat(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return tables by group as values that are named `group.setting`."""
    return {f"{group}.{name}": value for group, table in tables.items() for name, value in table.items()}
