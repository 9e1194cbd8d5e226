import pytest

from nextword.text.reading.counted import counted


@pytest.mark.parametrize(
    ("number", "expected"),
    [(0, "0 steps"), (1, "1 step"), (1.0, "1 step"), (0.5, "0.5 steps"), (2, "2 steps"), (12345, "12,345 steps")],
)
def test_a_noun_is_in_the_plural_unless_there_is_one(number: float, expected: str) -> None:
    assert counted(number, "step") == expected


def test_a_plural_may_be_given() -> None:
    assert counted(1, "hypothesis", "hypotheses") == "1 hypothesis"
    assert counted(3, "hypothesis", "hypotheses") == "3 hypotheses"
