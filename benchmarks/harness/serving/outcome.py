"""What came of a scenario: figures, and the bars that they must reach."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Bar:
    """A figure that must reach a limit.

    Attributes:
        what: What it is a figure of, with its unit.
        value: The figure; `None` if it could not be measured.
        limit: The limit.
        at_least: Whether the figure must be at least the limit; otherwise at most.
    """

    what: str
    value: float | None
    limit: float
    at_least: bool = False

    @property
    def met(self) -> bool:
        """Whether the figure reaches the limit."""
        if self.value is None:
            return False
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def to_table(self) -> dict[str, Any]:
        """Return it as a table for JSON."""
        return {**asdict(self), "met": self.met}


@dataclass(frozen=True)
class Outcome:
    """What came of a scenario.

    Attributes:
        name: Name of the scenario.
        bars: Figures that must reach a limit.
        figures: Other figures, by what they are.
        missing: What could not be measured, and why.
    """

    name: str
    bars: Sequence[Bar]
    figures: Mapping[str, Any] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)

    def to_table(self) -> dict[str, Any]:
        """Return it as a table for JSON."""
        return {
            "met": all(bar.met for bar in self.bars),
            "bars": [bar.to_table() for bar in self.bars],
            "figures": dict(self.figures),
            "missing": dict(self.missing),
        }
