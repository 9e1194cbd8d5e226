from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from harness.ledger.result import Result

RESULT = Result(
    corpus="ptb",
    preset="auto",
    command="nextword train ptb --minutes 10 --run runs/ptb-10",
    commit="abc1234",
    seed=0,
    minutes=10.0,
    processor="a processor",
    method="static",
    valid_perplexity=90.0,
    test_perplexity=85.0,
    parameters=1_000_000,
    epochs=5.0,
)

Make = Callable[..., Result]


@pytest.fixture
def make() -> Make:
    """Makes results that differ from one another as told."""

    def result(**changes: Any) -> Result:
        return replace(RESULT, **changes)

    return result
