import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.errors import counted, printable


@given(st.text(), st.sampled_from(["", "\n\t"]))
def test_a_terminal_receives_no_control_codes(text: str, keep: str) -> None:
    shown = printable(text, keep=keep)
    assert all(character.isprintable() or character in keep for character in shown)
    if text.isprintable():
        assert shown == text


def test_what_cannot_be_shown_is_escaped() -> None:
    assert printable("no\x1b[2J\u202e\n\udcff") == r"no\x1b[2J\u202e\n\udcff"
    assert printable("é\n\tno\x07", keep="\n\t") == "é\n\tno\\x07"


@pytest.mark.parametrize(
    ("number", "expected"),
    [(0, "0 steps"), (1, "1 step"), (1.0, "1 step"), (0.5, "0.5 steps"), (2, "2 steps"), (12345, "12,345 steps")],
)
def test_a_noun_is_in_the_plural_unless_there_is_one(number: float, expected: str) -> None:
    assert counted(number, "step") == expected
