"""One thing that a sweep varies, and the settings that follow from its value."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from nextword.tuning.domain import Domain

Tables = dict[str, dict[str, Any]]


class Dimension(Protocol):
    """One thing that a sweep varies."""

    @property
    def name(self) -> str:
        """What Optuna, the table and the messages call it."""

    @property
    def domain(self) -> Domain:
        """The values that it may take."""

    @property
    def targets(self) -> tuple[str, ...]:
        """The settings that it decides, each as `group.setting`."""

    def tables(self, value: Any) -> Tables:
        """Return the settings, by group, that follow from a value."""

    def own_value(self, base: Mapping[str, Any]) -> Any:
        """Return the value that gives the settings of `base`, which maps `group.setting` to its value."""


@dataclass(frozen=True)
class OneSetting:
    """A setting, whose name is the dimension's: `training.learning_rate`."""

    name: str
    domain: Domain

    @property
    def targets(self) -> tuple[str, ...]:
        """The setting."""
        return (self.name,)

    def tables(self, value: Any) -> Tables:
        """Return the setting with this value."""
        return nested({self.name: value})

    def own_value(self, base: Mapping[str, Any]) -> Any:
        """Return the value that the setting has in `base`."""
        return base.get(self.name)


@dataclass(frozen=True)
class ScaledSettings:
    """Settings that are multiplied by one factor: all dropout rates, say.

    Attributes:
        name: `scale.NAME`.
        domain: The factors.
        originals: What each setting is where the factor is 1.
    """

    name: str
    domain: Domain
    originals: Mapping[str, float]

    @property
    def targets(self) -> tuple[str, ...]:
        """The settings that are multiplied."""
        return tuple(self.originals)

    def tables(self, value: float) -> Tables:
        """Return the settings, each multiplied, and whole where it was whole."""
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


@dataclass(frozen=True)
class JoinedSettings:
    """Settings that change together, each choice being the tables that hold them.

    Attributes:
        name: `together.NAME`.
        domain: The tables.
        targets: The settings that all of them hold.
    """

    name: str
    domain: Domain
    targets: tuple[str, ...]

    def tables(self, value: Tables) -> Tables:
        """Return the choice itself."""
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
