"""How many cases a test tries, and how it reports them to `make trust`."""

import json
import os
import re
from collections.abc import Callable, Iterator

import pytest

SKIPPED = pytest.StashKey[bool]()
"""Whether a test was skipped while it ran."""

FULL = "NEXTWORD_TRUST"
"""The variable with which `make trust` asks for the full number of cases."""


def trust_amount[T](fast: T, full: T) -> T:
    """Return the number of cases: `fast` in `make test`, `full` in `make trust`."""
    return full if os.environ.get(FULL) == "1" else fast


def examples_of(statistics: str) -> list[tuple[str, str]]:
    """Return what hypothesis tells of a test as a report to the scorecard; nothing if it tells nothing."""
    num_examples = sum(map(int, re.findall(r"(\d+) passing\b", statistics)))
    return [("trust", json.dumps({"fired": num_examples, "survived": num_examples}))] if num_examples else []


class TrustCases:
    """What a test reports to the scorecard of `make trust`. Without a report, a test is one case.

    Args:
        record: Notes a property of the test in the report of pytest.
    """

    def __init__(self, record: Callable[[str, object], None]) -> None:
        self._record = record
        self.fired = 0

    def add(self, fired: int = 1, survived: int = 1, **figures: float) -> None:
        """Count cases.

        Args:
            fired: Faults that took effect.
            survived: Those of them after which the promise held.
            **figures: Other numbers. Those of several reports are added, but of a name that begins with `max_` or
                `min_` the greatest or the least counts.
        """
        self.fired += fired
        self._record("trust", json.dumps({"fired": fired, "survived": survived, **figures}))


@pytest.fixture
def trust_cases(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Iterator[TrustCases]:
    """Report cases to `make trust`; a test that asks for this and reports none shows nothing, unless it is skipped."""
    cases = TrustCases(record_property)
    yield cases
    assert cases.fired or request.node.stash.get(SKIPPED, False), "no fault took effect"
