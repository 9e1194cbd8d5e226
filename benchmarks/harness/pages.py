"""Tables of the ledgers inside a page, each between two comments; the first says what it shows.

<!-- results: corpus=ptb preset=auto pick=newest methods=across read=static;cache,temperature -->

| ... |

<!-- end of results -->

`keystrokes` in place of `results` is a table of keystrokes.
"""

import math
import re
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from operator import attrgetter
from typing import Self

from harness.ledger import KeystrokeResult, Result
from harness.report import markdown_table
from nextword.errors import SettingError

_TABLE = re.compile(r"(<!-- (results|keystrokes): ([^>]*?)\s*-->\n).*?(<!-- end of \2 -->)", re.DOTALL)
_CHOICES = {"pick": ("all", "newest", "earlier"), "methods": ("down", "across")}
_LAST = ("seeds", "commit")

_BUSY = ", not idle"
_VARIES = re.compile(r" --(?:seed|run) \S+")
_DECORATION = re.compile(r"\(R\)|\(TM\)| family \d+| Processor\b")

_SAVINGS = {
    "1 slot": "savings_1",
    "3 slots": "savings_3",
    "5 slots": "savings_5",
    "of 3: by next word": "by_next_word",
    "by completion": "by_completion",
    "next word, top 1": "next_word_top_1",
    "top 3": "next_word_top_3",
    "completion, top 3": "completion_top_3",
}


def renewed(page: str, results: Sequence[Result], typed: Sequence[KeystrokeResult] = ()) -> str:
    """Return the page with each of its tables written again."""

    def written(match: re.Match[str]) -> str:
        query = Query.of(match[3])
        table = results_tables(query, results) if match[2] == "results" else keystrokes_table(query.corpus, typed)
        return f"{match[1]}\n{table}\n{match[4]}"

    return _TABLE.sub(written, page)


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
    def seeds(self) -> list[int]:
        """The seeds of the results."""
        return sorted({result.seed for result in self.results})

    @property
    def parameters(self) -> list[int]:
        """The parameters of the models, in the order of the seeds, each number once."""
        return list(dict.fromkeys(result.parameters for result in sorted(self.results, key=attrgetter("seed"))))

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

    def shown(self, name: str, decimals: int) -> str:
        """Return the mean of a field, and the sample standard deviation if there are several seeds."""
        values = self.values(name)
        if not values:
            return ""
        mean = f"{statistics.fmean(values):,.{decimals}f}"
        return mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values):,.{decimals}f}"

    def lowest(self, name: str) -> float:
        """Return the lowest value of a field; infinite if it was not measured."""
        return min(self.values(name), default=math.inf)


@dataclass(frozen=True)
class Query:
    """What a table shows.

    Attributes:
        corpus: Pattern of the corpus, as in a shell.
        preset: Pattern of the preset; several with commas between them.
        minutes: Pattern of the minutes.
        commit: Pattern of the commit.
        seed: Pattern of the seed.
        machine: Pattern of the machine, with a question mark for each space.
        read: Pattern of the method of evaluation; several with semicolons between them.
        pick: Of results of the same thing on the same machine by several commits: `all`, the `newest`, or those
            `earlier`.
        methods: The methods of evaluation are rows (`down`) or columns (`across`).
    """

    corpus: str = "*"
    preset: str = "*"
    minutes: str = "*"
    commit: str = "*"
    seed: str = "*"
    machine: str = "*"
    read: str = "*"
    pick: str = "newest"
    methods: str = "down"

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the query of `KEY=VALUE KEY=VALUE`."""
        pairs = [word.partition("=") for word in text.split()]
        unknown = [key for key, equals, _ in pairs if not equals or key not in cls.__dataclass_fields__]
        if unknown:
            raise SettingError(f"a table is asked for by {', '.join(cls.__dataclass_fields__)}, but by {unknown[0]!r}")
        query = cls(**{key: value for key, _, value in pairs})
        for key, choices in _CHOICES.items():
            if getattr(query, key) not in choices:
                raise SettingError(f"`{key}` of a table must be {' or '.join(choices)}, but is {getattr(query, key)!r}")
        return query

    def groups(self, results: Sequence[Result]) -> list[Group]:
        """Return the groups that the table shows, the shortest training run first, then the lowest perplexity."""
        groups = grouped(result for result in results if self._shows(result))
        last = list({(_trained(group.first), group.machine): group for group in groups}.values())
        chosen = {"all": groups, "newest": last, "earlier": [group for group in groups if group not in last]}
        return sorted(chosen[self.pick], key=lambda group: (group.first.minutes, group.lowest("test_perplexity")))

    def _shows(self, result: Result) -> bool:
        values = {"corpus": result.corpus, "commit": result.commit, "seed": str(result.seed), "read": result.method}
        values |= {"preset": result.preset, "minutes": f"{result.minutes:g}", "machine": Group((result,)).machine}
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


def results_tables(query: Query, results: Sequence[Result]) -> str:
    """Return a table in Markdown for each machine, each below its name if there are several."""
    groups = query.groups(results)
    machines = sorted({group.machine for group in groups})
    if len(machines) < 2:
        return _table(query, groups, *(["machine"] if query.machine != "*" else []))
    return "\n\n".join(
        f"**{machine}**\n\n{_table(query, [group for group in groups if group.machine == machine], 'machine')}"
        for machine in machines
    )


def _table(query: Query, groups: Sequence[Group], *told: str) -> str:
    """Return a table; one row a group, or one for each of its methods, without the columns that are told elsewhere."""
    if query.methods == "across":
        rows = [_described(group) | _across(group) for group in groups]
    else:
        rows = [_described(part) | _down(part) for group in groups for part in group.by_method.values()]
    # What the query fixes is no column.
    fixed = {key for key in ("corpus", "preset", "minutes") if not set(getattr(query, key)) & set("*?[,")}
    headings = dict.fromkeys(heading for row in rows for heading in row if heading not in {*fixed, *_LAST, *told})
    return markdown_table(rows, [*headings, *_LAST])


def _described(group: Group) -> dict[str, str]:
    first = group.first
    return {
        "corpus": first.corpus,
        "preset": f"`{first.preset}`",
        "minutes": f"{first.minutes:g}",
        "machine": group.machine,
        "parameters": " and ".join(f"{parameters:,}" for parameters in group.parameters),
        "epochs": group.shown("epochs", 1),
        "seeds": ", ".join(map(str, group.seeds)),
        "commit": first.commit,
    }


def _across(group: Group) -> dict[str, str]:
    parts = group.by_method
    alone = parts.get("static") or parts.get("stream")  # the same, of a run and of a contest
    columns = {"valid": alone.shown("valid_perplexity", 2) if alone else ""}
    return columns | {f"test, {_spaced(method)}": _tested(part) for method, part in parts.items()}


def _down(group: Group) -> dict[str, str]:
    valid = group.shown("valid_perplexity", 2)
    return {"read as": _spaced(group.first.method), "valid": valid, "test": _tested(group)}


def _tested(group: Group) -> str:
    text = group.shown("test_perplexity", 2)
    return f"**{text}**" if text else ""


def _spaced(method: str) -> str:
    return ", ".join(part.strip() for part in method.split(","))


def keystrokes_table(corpus: str, results: Sequence[KeystrokeResult]) -> str:
    """Return a table in Markdown with a row for the newest result of each model, without and with learned words."""
    newest = {
        (result.corpus, result.model, result.learned_words): result
        for result in results
        if fnmatchcase(result.corpus, corpus)
    }
    rows = [
        {
            "model": result.model,
            "learned words": "yes" if result.learned_words else "no",
            **{heading: f"{100 * getattr(result, name):.1f} %" for heading, name in _SAVINGS.items()},
            "commit": result.commit,
        }
        for result in newest.values()
    ]
    return markdown_table(rows)
