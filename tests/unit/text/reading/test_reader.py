from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nextword.errors import TextError
from nextword.text.options import OnBadBytes
from nextword.text.reading import reader as reader_module
from nextword.text.reading.lines import split_lines
from nextword.text.reading.reader import LineReader, TextRange
from nextword.text.reading.report import ReadCounts

SHARED_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def read(
    path: Path, content: bytes, on_bad_bytes: OnBadBytes = "strict", *, pretokenized: bool = False
) -> tuple[list[str], ReadCounts]:
    path.write_bytes(content)
    reader = LineReader(TextRange.whole(path), on_bad_bytes=on_bad_bytes, pretokenized=pretokenized)
    return list(reader), reader.counts


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "text.txt"


def test_lines_come_without_their_ends(path: Path) -> None:
    lines, counts = read(path, b"one two\n\nthree\n")
    assert lines == ["one two", "", "three"]
    assert counts == ReadCounts(num_bytes=15, num_lines=3, num_words=6, num_characters=15, longest_line=7)


def test_the_last_line_needs_no_end(path: Path) -> None:
    lines, counts = read(path, b"one\ntwo")
    assert lines == ["one", "two"]
    assert (counts.lacks_last_line_end, counts.num_characters, counts.num_words) == (True, 8, 4)


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf"])
def test_an_empty_file_has_no_lines(path: Path, content: bytes) -> None:
    assert read(path, content)[0] == []


def test_line_ends_of_other_systems_are_read_and_counted(path: Path) -> None:
    lines, counts = read(path, b"a\r\nb\rc\r\n\n")
    assert lines == ["a", "b", "c", ""]
    assert (counts.num_crlf, counts.num_lone_cr, counts.num_characters) == (2, 1, 7)


def test_a_byte_order_mark_is_left_out_at_the_start_alone(path: Path) -> None:
    lines, counts = read(path, "\ufeffone\n\ufefftwo\n".encode())
    assert lines == ["one", "\ufefftwo"]
    assert counts.has_byte_order_mark
    assert counts.num_bytes == 14
    assert not read(path, "one\n\ufefftwo\n".encode())[1].has_byte_order_mark


def test_a_range_is_read_and_nothing_else(path: Path) -> None:
    path.write_bytes(b"one\ntwo\nthree\n")
    assert list(LineReader(TextRange(path, 4, 8))) == ["two"]
    assert TextRange(path, 4, 8).sha256 != TextRange(path, 0, 4).sha256


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"ab\n\xffc\n", r"line 2, byte 3: text must be UTF-8 without NUL, but the byte 0xff is not UTF-8"),
        (b"\xe4\n", r"line 1, byte 0: .*0xe4"),
        ("é".encode() + b"\r\n\r\xc3", r"line 3, byte 5: .*0xc3"),
        (b"\xef\xbb\xbf\xff", r"line 1, byte 3: "),
        (b"a\n\nb\0\n", r"line 3, byte 4: text must be UTF-8 without NUL, but the byte 0x00 is a NUL"),
        (b"\xef\xbb\xbfa\0", r"line 1, byte 4: text must be UTF-8 without NUL, but the byte 0x00 is a NUL"),
    ],
)
def test_a_bad_byte_is_refused_with_its_place(path: Path, content: bytes, place: str) -> None:
    with pytest.raises(TextError, match=place) as caught:
        read(path, content)
    assert str(path) in str(caught.value)
    assert 'on_bad_bytes = "replace"' in str(caught.value)


def test_the_place_of_a_bad_byte_is_that_in_the_file_and_not_in_the_range(path: Path) -> None:
    path.write_bytes(b"one\r\ntwo\n\xff\n")
    with pytest.raises(TextError, match="line 3, byte 9"):
        list(LineReader(TextRange(path, 5, 11)))


def test_replaced_bytes_are_counted(path: Path) -> None:
    content = b"a\xff\xfeb\n\xe2\x82 \xef\xbf\xbd\n\0\0\n"
    lines, counts = read(path, content, "replace")
    assert lines == ["a\ufffd\ufffdb", "\ufffd \ufffd", "\ufffd\ufffd"]
    assert (counts.num_invalid, counts.first_invalid, counts.num_nul, counts.first_nul) == (3, 1, 2, 12)


def test_the_end_symbol_in_pretokenized_text_is_refused_with_its_place(path: Path) -> None:
    with pytest.raises(TextError, match=r"line 2, byte 5: `<eos>` is reserved for line ends"):
        read(path, b"a\nb  <eos>\tc\n", pretokenized=True)


@pytest.mark.parametrize("content", [b"<eos>", b"a\r<eos>\rb", b"<eos> b\n"])
def test_the_end_symbol_is_found_at_the_ends_of_lines(path: Path, content: bytes) -> None:
    with pytest.raises(TextError, match="reserved"):
        read(path, content, pretokenized=True)


def test_the_end_symbol_inside_a_token_or_in_running_text_is_plain_text(path: Path) -> None:
    assert read(path, "a<eos> <eos>. \xa0<eos>\n".encode(), pretokenized=True)[0] == ["a<eos> <eos>. \xa0<eos>"]
    assert read(path, b"<eos>\n")[0] == ["<eos>"]


def test_unknown_as_written_is_counted_in_pretokenized_text(path: Path) -> None:
    content = b"<unk> a <unk>\n<unk>\tb<unk> <unk><unk>\n"
    assert read(path, content, pretokenized=True)[1].num_written_unknown == 3
    assert read(path, content)[1].num_written_unknown == 0


@SHARED_FOLDER
@given(text=st.text("aé\u2028 \r\n"), size=st.integers(1, 9))
def test_the_size_of_blocks_does_not_show(tmp_path: Path, text: str, size: int) -> None:
    path = tmp_path / "text.txt"
    content = text.encode("utf-8")
    lines = split_lines(text)
    expected = lines if lines[-1] else lines[:-1]
    whole = read(path, content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader_module, "_BLOCK", size)
        blockwise = read(path, content)
    assert blockwise == whole
    assert blockwise[0] == expected
    assert blockwise[1].num_bytes == len(content)
    assert blockwise[1].num_words == len(text.split()) + len(expected)
    assert blockwise[1].num_characters == sum(map(len, expected)) + len(expected)


@SHARED_FOLDER
@given(content=st.binary(max_size=40), size=st.integers(1, 9))
def test_any_bytes_can_be_replaced_and_the_size_of_blocks_does_not_show(
    tmp_path: Path, content: bytes, size: int
) -> None:
    path = tmp_path / "bytes.txt"
    whole = read(path, content, "replace")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader_module, "_BLOCK", size)
        assert read(path, content, "replace") == whole
    assert whole[1].num_bytes == len(content)
    assert not any("\0" in line for line in whole[0])


@SHARED_FOLDER
@given(text=st.text("a\r\n"), size=st.integers(1, 4))
def test_the_line_of_a_bad_byte_is_right_whatever_the_blocks(tmp_path: Path, text: str, size: int) -> None:
    line = len(split_lines(text))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader_module, "_BLOCK", size)
        with pytest.raises(TextError, match=f"line {line}, byte {len(text)}:"):
            read(tmp_path / "bad.txt", text.encode() + b"\xff")


def test_a_file_that_changes_while_it_is_read_is_refused(path: Path) -> None:
    path.write_bytes(b"one\n")
    part = TextRange.whole(path)
    assert part.sha256
    path.write_bytes(b"two\n")
    with pytest.raises(TextError, match="has changed"):
        list(LineReader(part))


def test_a_file_that_cannot_be_read_is_named(path: Path) -> None:
    with pytest.raises(TextError, match=r"text\.txt` must be a file that can be read, but: No such file"):
        TextRange.whole(path)
    with pytest.raises(TextError, match="must be a file that can be read"):
        list(LineReader(TextRange(path.parent, 0, 1)))
