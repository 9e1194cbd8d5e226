import numpy as np
import pytest

from nextword.ngram.discounts import FALLBACK, discounts_of


def test_discounts_are_those_of_chen_and_goodman() -> None:
    counts = np.repeat([1, 2, 3, 4, 9], [100, 40, 20, 10, 7])
    y = 100 / 180
    expected = [0, 1 - 2 * y * 40 / 100, 2 - 3 * y * 20 / 40, 3 - 4 * y * 10 / 20]
    np.testing.assert_allclose(discounts_of(counts), expected)


@pytest.mark.parametrize(
    "counts", [[1, 1, 2], [1, 2, 3, 4, 4, 4, 4, 4], [], [0, 0]], ids=["missing", "negative", "none", "unseen"]
)
def test_what_cannot_be_estimated_falls_back(counts: list[int]) -> None:
    assert discounts_of(np.array(counts, np.int64)).tolist() == [0, *FALLBACK]
