"""Results that belong in one row: the same command, commit and machine, with any seeds and methods of evaluation."""

import re
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.ledger.result import Result

_BUSY = ", not idle"
_VARIES = re.compile(r" --(?:seed|run) \S+")
_DECORATION = re.compile(r"\(R\)|\(TM\)| family \d+| Processor\b")


@dataclass(frozen=True)
class Group:
    """Results that differ only in seed and method.

    Attributes:
        results: Oldest first.
    """

    results: tuple[Result, ...]

    @property
    def first(self) -> Result:
        """One of them, for the fields that they share."""
        return self.results[0]

    @property
    def what(self) -> tuple[str, str, str]:
        """What was trained: corpus, preset and command, seed and folder aside."""
        return _what(self.first)

    @property
    def machine(self) -> str:
        """Short name of the processor, and whether it has AMX, which decides how fast it trains."""
        name, *facts = self.first.processor.split(", ")
        name = _DECORATION.sub("", name)
        return f"{name} with AMX" if any(fact.startswith("AMX") for fact in facts) else name

    @property
    def seeds(self) -> list[int]:
        """The seeds of the results."""
        return sorted({result.seed for result in self.results})

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


def grouped(results: Iterable[Result]) -> list[Group]:
    """Return the groups of the results, in the order in which each began."""
    groups: dict[tuple[str, ...], list[Result]] = {}
    for result in results:
        machine = result.processor.removesuffix(_BUSY)
        groups.setdefault((*_what(result), result.commit, machine), []).append(result)
    return [Group(tuple(group)) for group in groups.values()]


def newest(groups: Sequence[Group]) -> list[Group]:
    """Return the newest group of each command on each machine."""
    return list({(group.what, group.machine): group for group in groups}.values())


def mean_and_spread(values: Sequence[float], decimals: int) -> str:
    """Return the mean, and the sample standard deviation if there are several."""
    if not values:
        return ""
    mean = f"{statistics.fmean(values):,.{decimals}f}"
    return mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values):,.{decimals}f}"


def _what(result: Result) -> tuple[str, str, str]:
    return result.corpus, result.preset, _VARIES.sub("", result.command)
