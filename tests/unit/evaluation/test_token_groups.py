import numpy as np

from nextword.engine.stream import ScoredTokens
from nextword.evaluation.token_groups import FREQUENCY_RANKS, PLACES, GroupTally


def test_the_bounds_belong_to_the_group_that_they_end() -> None:
    numbers = np.array([1, 10, 11, 100, 101, 1_000, 1_001, 10_000, 10_001, 99_999])
    ranks = np.array([1, 2, 1, 1, 9, 9, 9, 9, 9, 1], np.int32)
    tally = GroupTally(FREQUENCY_RANKS)
    tally.add(numbers, ScoredTokens(numbers.astype(np.int32), np.full(10, -np.log(4.0)), ranks, numbers))
    groups = tally.groups()
    assert [group.label for group in groups] == ["1-10", "11-100", "101-1,000", "1,001-10,000", "over 10,000"]
    assert [group.num_tokens for group in groups] == [2] * 5
    assert [group.accuracy for group in groups] == [0.5, 1.0, 0.0, 0.0, 0.5]
    assert [group.to_table()["bits_per_token"] for group in groups] == [2.0] * 5


def test_an_empty_group_has_no_figures() -> None:
    group = GroupTally(PLACES).groups()[0]
    assert group.to_table() == {"label": "1", "num_tokens": 0, "accuracy": None, "bits_per_token": None}
