import pytest

from nextword.generation.phrase import Phrase

ONE, TWO, BESIDE = frozenset([1]), frozenset([2, 3]), frozenset([0, 9])


@pytest.mark.parametrize(
    ("length", "ids", "begun"),
    [(0, [], True), (1, [5, 1], True), (1, [2], False), (2, [1, 3], True), (2, [3, 1], False), (2, [2], False)],
)
def test_a_text_ends_with_the_beginning_of_a_phrase(length: int, ids: list[int], begun: bool) -> None:
    assert Phrase((ONE, TWO)).has_begun(length, ids) is begun


@pytest.mark.parametrize(
    ("length", "ids", "begun"),
    [(2, [9, 1], True), (2, [5, 1], False), (2, [1], True), (3, [1, 2], True), (3, [5, 1, 2], False), (1, [], True)],
)
def test_the_beginning_of_a_text_opens_a_phrase(length: int, ids: list[int], begun: bool) -> None:
    assert Phrase((BESIDE, ONE, TWO), opened=True).has_begun(length, ids) is begun
