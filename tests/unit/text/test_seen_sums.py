import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nextword.text import seen_sums as module
from nextword.text.seen_sums import SeenSums, sums_of


@given(st.lists(st.lists(st.text("ab", max_size=3), min_size=1)))
def test_a_text_is_new_once(batches: list[list[str]]) -> None:
    seen, known = SeenSums(), set[str]()
    for batch in batches:
        expected = []
        for text in batch:
            expected.append(text not in known)
            known.add(text)
        assert seen.add(sums_of(batch)).tolist() == expected


def test_the_table_grows_and_forgets_nothing() -> None:
    seen = SeenSums()
    texts = [str(number) for number in range(5 * module._FIRST_SIZE)]
    for start in range(0, len(texts), 1000):
        assert seen.add(sums_of(texts[start : start + 1000])).all()
    assert not seen.add(sums_of(texts)).any()


def test_places_that_are_taken_are_passed_by() -> None:
    sums = np.array([[5, 1], [5, 3], [5 + module._FIRST_SIZE, 1], [6, 1], [5, 1]], np.uint64)
    seen = SeenSums()
    assert seen.add(sums).tolist() == [True, True, True, True, False]
    assert not seen.add(sums).any()
