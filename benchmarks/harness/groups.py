"""Results of the ledger in groups: one command, commit and machine, with any seeds and methods of evaluation."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from harness.ledger import Result

_BUSY = ", not idle"
_VARIES = re.compile(r" --(?:seed|run) \S+")
_DECORATION = re.compile(r"\(R\)|\(TM\)| family \d+| Processor\b")


@dataclass(frozen=True)
class Group:
    """Results that belong in one row: of one command, commit and machine, with any seeds and methods of evaluation."""

    results: tuple[Result, ...]

    @property
    def first(self) -> Result:
        """One of them, for the fields that they share."""
        return self.results[0]

    @property
    def machine(self) -> str:
        """Short name of the processor, and whether it has AMX, which decides how fast it trains."""
        name, *facts = self.first.processor.split(", ")
        name = _DECORATION.sub("", name)
        return f"{name} with AMX" if any(fact.startswith("AMX") for fact in facts) else name

    @property
    def by_method(self) -> "dict[str, Group]":
        """The results by each method."""
        methods: dict[str, list[Result]] = {}
        for result in self.results:
            methods.setdefault(result.method, []).append(result)
        return {method: Group(tuple(results)) for method, results in methods.items()}

    def values(self, name: str) -> list[float]:
        """Return the values of a field, one for each seed that has it."""
        by_seed = {result.seed: getattr(result, name) for result in self.results}
        return [value for value in by_seed.values() if value is not None]

    def lowest(self, name: str) -> float:
        """Return the lowest value of a field; infinite if it was not measured."""
        return min(self.values(name), default=math.inf)


@dataclass(frozen=True)
class Query:
    """Which results are asked for, by patterns of a shell; presets with commas between them, methods with semicolons.

    Of results of the same thing on the same machine by several commits it takes `all`, or the `newest`.
    """

    corpus: str = "*"
    preset: str = "*"
    minutes: str = "*"
    read: str = "*"
    pick: str = "newest"

    def groups(self, results: Sequence[Result]) -> list[Group]:
        """Return the groups, the shortest training run first, then the lowest perplexity."""
        groups = grouped(result for result in results if self._shows(result))
        last = list({(_trained(group.first), group.machine): group for group in groups}.values())
        return sorted(
            groups if self.pick == "all" else last,
            key=lambda group: (group.first.minutes, group.lowest("test_perplexity")),
        )

    def _shows(self, result: Result) -> bool:
        values = {"corpus": result.corpus, "read": result.method}
        values |= {"preset": result.preset, "minutes": f"{result.minutes:g}"}
        between = {"preset": ",", "read": ";"}
        return all(
            any(fnmatchcase(value, pattern) for pattern in getattr(self, name).split(between.get(name)))
            for name, value in values.items()
        )


def grouped(results: Iterable[Result]) -> list[Group]:
    """Return the groups of the results, in the order in which each began."""
    groups: dict[tuple[str, ...], list[Result]] = {}
    for result in results:
        key = (*_trained(result), result.commit, result.processor.removesuffix(_BUSY))
        groups.setdefault(key, []).append(result)
    return [Group(tuple(group)) for group in groups.values()]


def _trained(result: Result) -> tuple[str, str, str]:
    """Return what was trained: corpus, preset and command without seed and folder."""
    return result.corpus, result.preset, _VARIES.sub("", result.command)
