import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nextword.inference.highest import highest, highest_first, highest_positive

some_values = st.lists(st.sampled_from([-np.inf, -3.0, -1.0, 0.0, 0.1, 0.2]), max_size=60)


@given(values=some_values, count=st.integers(0, 9))
def test_the_highest_are_those_of_a_stable_sort(values: list[float], count: int) -> None:
    array = np.array(values)
    expected = np.argsort(-array, kind="stable")[:count].tolist()
    assert highest_first(array, count).tolist() == expected
    assert highest(array, count).tolist() == sorted(expected)
    assert highest_positive(array, count).tolist() == [index for index in expected if values[index] > 0]
