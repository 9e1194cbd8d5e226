from hypothesis import given
from hypothesis import strategies as st

from nextword.text.reading.printable import printable


@given(st.text(), st.sampled_from(["", "\n\t"]))
def test_a_terminal_receives_no_control_codes(text: str, keep: str) -> None:
    shown = printable(text, keep=keep)
    assert all(character.isprintable() or character in keep for character in shown)
    if text.isprintable():
        assert shown == text


def test_what_cannot_be_shown_is_escaped() -> None:
    assert printable("no\x1b[2J\u202e\n\udcff") == r"no\x1b[2J\u202e\n\udcff"
    assert printable("é\n\tno\x07", keep="\n\t") == "é\n\tno\\x07"
