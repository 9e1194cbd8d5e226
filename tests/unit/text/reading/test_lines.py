from itertools import islice

import pytest

from nextword.errors import TextError
from nextword.text.options import OnBadBytes
from nextword.text.reading.lines import Chunk, lone_surrogate, read_lines, require_unicode, split_lines
from nextword.text.reading.report import ReadCounts


def chunks(*blocks: bytes, start: int = 0, on_bad_bytes: OnBadBytes = "strict") -> list[Chunk]:
    return list(read_lines(blocks, lambda line, byte: f"{line}:{byte}", start=start, on_bad_bytes=on_bad_bytes))


@pytest.mark.parametrize("character", "\x0b\x0c\x1c\x85\u2028\u2029")
def test_no_other_character_than_line_feed_and_carriage_return_ends_a_line(character: str) -> None:
    assert split_lines(f"a{character}b") == [f"a{character}b"]


def test_all_three_line_ends_are_one_line_end() -> None:
    assert split_lines("a\r\nb\rc\n\rd") == ["a", "b", "c", "", "d"]


def test_chunks_are_whole_lines_with_their_place() -> None:
    assert chunks(b"\xef\xbb\xbfone\r", b"\ntw", b"o\rthree") == [
        Chunk(3, b"one\r\n", "one\r\n", ["one"]),
        Chunk(8, b"two\r", "two\r", ["two"]),
        Chunk(12, b"three", "three", ["three"]),
    ]


def test_a_byte_order_mark_inside_a_file_is_text() -> None:
    (chunk,) = chunks("\ufeffone\n".encode(), start=7)
    assert (chunk.offset, chunk.lines) == (7, ["\ufeffone"])


@pytest.mark.parametrize(
    ("blocks", "lines", "place"),
    [
        ([b"one\n", b"two\r\xff\n"], [["one"], ["two"]], "3:8: .*0xff is not UTF-8"),
        ([b"one\ntwo\0\xff"], [["one"], []], "2:7: .*0x00 is a NUL"),
        ([b"\xff\0"], [[]], "1:0: .*0xff is not UTF-8"),
    ],
)
def test_the_first_bad_byte_is_refused_after_the_lines_before_it(
    blocks: list[bytes], lines: list[list[str]], place: str
) -> None:
    read = read_lines(blocks, lambda line, byte: f"{line}:{byte}")
    assert [chunk.lines for chunk in islice(read, len(lines))] == lines
    with pytest.raises(TextError, match=place):
        next(read)


def test_what_is_replaced_is_counted_from_the_start_of_the_file() -> None:
    counts = ReadCounts()
    read = read_lines([b"a\0\xff\n", b"\xfe"], lambda *_: "", start=10, on_bad_bytes="replace", counts=counts)
    assert [chunk.text for chunk in read] == ["a\ufffd\ufffd\n", "\ufffd"]
    assert (counts.num_invalid, counts.first_invalid, counts.num_nul, counts.first_nul) == (2, 12, 1, 11)


def test_half_of_a_surrogate_pair_is_found_and_refused() -> None:
    assert [lone_surrogate(text) for text in ("", "a", "é\U0001f600", "é\udc00")] == [None, None, None, 1]
    require_unicode("é")
    with pytest.raises(TextError, match="half of a surrogate pair at character 2; pass UTF-8"):
        require_unicode("ab\ud800")
