"""Which results a table shows, as the comment of a page says.

corpus=ptb preset=auto pick=newest methods=across read=static;cache,temperature
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Self

from harness.ledger.group import Group, grouped, newest
from harness.ledger.result import Result
from nextword.errors import SettingError

_CHOICES = {"pick": ("all", "newest", "earlier"), "methods": ("down", "across")}


@dataclass(frozen=True)
class Query:
    """What a table shows.

    Attributes:
        corpus: Pattern of the corpus, as in a shell.
        preset: Pattern of the preset; several with commas between them.
        minutes: Pattern of the minutes.
        commit: Pattern of the commit.
        seed: Pattern of the seed.
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
    read: str = "*"
    pick: str = "newest"
    methods: str = "down"

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the query of `KEY=VALUE KEY=VALUE`.

        Raises:
            SettingError: A key or a value is unknown.
        """
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
        last = newest(groups)
        chosen = {"all": groups, "newest": last, "earlier": [group for group in groups if group not in last]}
        return sorted(chosen[self.pick], key=lambda group: (group.first.minutes, _lowest_perplexity(group)))

    def _shows(self, result: Result) -> bool:
        shown = (
            _fits(result.corpus, [self.corpus]),
            _fits(result.preset, self.preset.split(",")),
            _fits(f"{result.minutes:g}", [self.minutes]),
            _fits(result.commit, [self.commit]),
            _fits(str(result.seed), [self.seed]),
            _fits(result.method, self.read.split(";")),
        )
        return all(shown)


def _fits(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _lowest_perplexity(group: Group) -> float:
    tested = (result.test_perplexity for result in group.results)
    return min((perplexity for perplexity in tested if perplexity is not None), default=math.inf)
