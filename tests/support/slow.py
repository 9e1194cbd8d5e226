"""Cases of which `make test` runs some, and `make test-all` all."""

from collections.abc import Iterable
from typing import Any

import pytest


def rest_slow(cases: Iterable[Any], quick: int = 1) -> list[Any]:
    """Mark all cases of a parametrized test as slow, except the first ones.

    Args:
        cases: The arguments of the test, one value for each case.
        quick: How many cases `make test` runs.
    """
    cases = list(cases)
    return [*cases[:quick], *(pytest.param(case, marks=pytest.mark.slow) for case in cases[quick:])]
