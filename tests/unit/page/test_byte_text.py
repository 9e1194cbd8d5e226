import gzip

from hypothesis import given
from hypothesis import strategies as st

from nextword.page.byte_text import as_text, packed_text


def original(text: bytes) -> bytes:
    data, place = bytearray(), 0
    while place < len(text):
        is_escape = text[place] == ord("=")
        data.append(text[place + 1] - 64 if is_escape else text[place])
        place += 2 if is_escape else 1
    return bytes(data)


@given(st.binary())
def test_escaped_bytes_come_back_and_end_no_element(data: bytes) -> None:
    text = as_text(data)
    assert original(text) == data
    assert not {0x00, 0x0D, 0x3C} & set(text)
    assert len(text) <= 2 * len(data)


def test_the_same_bytes_are_packed_alike() -> None:
    data = bytes(range(256)) * 100
    assert packed_text(data) == packed_text(data)
    assert gzip.decompress(original(packed_text(data))) == data
