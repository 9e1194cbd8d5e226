import io
import re
import sys
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.errors import TextError
from nextword.text.options import OnBadBytes
from nextword.text.reading import lines as text_lines
from nextword.text.reading.lines import Chunk, InputLines, lone_surrogate, read_lines, require_unicode, split_lines
from nextword.text.reading.report import ReadCounts
from support.packing import PACK


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


class StandardInput(io.TextIOWrapper):
    """Standard input that has these bytes."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "lines.txt"


def read(path: Path) -> list[str]:
    return list(InputLines([str(path)]))


@given(st.lists(st.text(st.sampled_from("aé\r\n"), max_size=9), max_size=9).map("".join), st.integers(1, 5))
def test_blocks_do_not_show(text: str, block: int) -> None:
    expected = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_lines, "_BLOCK", block)
        patch.setattr(sys, "stdin", StandardInput(text.encode()))
        assert list(InputLines()) == (expected if expected[-1] else expected[:-1])


@pytest.mark.parametrize("packing", PACK)
def test_a_packing_is_known_by_its_first_bytes(source: Path, monkeypatch: pytest.MonkeyPatch, packing: str) -> None:
    packed = PACK[packing](b"one\ntwo\n") + PACK[packing](b"three\n")
    source.write_bytes(packed)
    monkeypatch.setattr(sys, "stdin", StandardInput(packed))
    assert read(source) == list(InputLines()) == ["one", "two", "three"]


@pytest.mark.parametrize("packing", PACK)
def test_bytes_that_are_not_text_are_refused_with_their_unpacked_place(source: Path, packing: str) -> None:
    source.write_bytes(PACK[packing](b"one\r\ntwo\rth\xffree\n"))
    with pytest.raises(TextError, match=re.escape(f"`{source}`, line 3, byte 11: text must be UTF-8")):
        read(source)


def test_several_sources_are_read_one_after_another(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source.write_bytes(b"one\ntwo")
    monkeypatch.setattr(sys, "stdin", StandardInput(b"three\n"))
    lines = InputLines([str(source), "-", str(source)])
    assert list(lines) == ["one", "two", "three", "one", "two"]
    assert [lines.place_of(number) for number in range(1, 6)] == [
        (str(source), 1),
        (str(source), 2),
        ("-", 1),
        (str(source), 1),
        (str(source), 2),
    ]


def test_a_source_without_lines_takes_no_place(source: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.txt"
    empty.write_bytes(b"")
    source.write_bytes(b"one\n")
    lines = InputLines([str(empty), str(source)])
    assert list(lines) == ["one"]
    assert lines.place_of(1) == (str(source), 1)


def test_bytes_that_are_not_text_can_be_replaced(source: Path) -> None:
    source.write_bytes(b"o\xffe\nt\0o\n")
    assert list(InputLines([str(source)], on_bad_bytes="replace")) == ["o\ufffde", "t\ufffdo"]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(TextError, match=r"nothing\.txt` must be a file that can be read, but: No such file"):
        read(tmp_path / "nothing.txt")
    (tmp_path / "something.txt").touch()
    with pytest.raises(TextError, match=r"nothing\.txt"):  # before the first line is asked for
        InputLines([str(tmp_path / "something.txt"), str(tmp_path / "nothing.txt")])
    with pytest.raises(TextError, match="must be a file that can be read, but: Is a directory"):
        read(tmp_path)


@pytest.mark.parametrize("packing", PACK)
def test_a_damaged_packed_file_is_named(source: Path, monkeypatch: pytest.MonkeyPatch, packing: str) -> None:
    packed = PACK[packing](b"one\n" * 100)
    for damaged in (packed[:-4], packed[:-6] + b"\0" * 6):
        source.write_bytes(damaged)
        with pytest.raises(TextError, match=f"lines.txt` must be a whole {packing} file, but is damaged"):
            read(source)
        monkeypatch.setattr(sys, "stdin", StandardInput(damaged))
        with pytest.raises(TextError, match=f"standard input must be a whole {packing} file, but is damaged"):
            list(InputLines())


def test_lines_are_given_as_they_come(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_lines, "_BLOCK", 4)

    class Counting(io.BytesIO):
        given = 0

        def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
            part = self.read(min(4, len(buffer)))
            buffer[: len(part)] = part
            self.given += len(part)
            return len(part)

    raw = Counting(b"one\n" * 100)
    standard_input = io.TextIOWrapper(io.BufferedReader(raw, buffer_size=4))  # type: ignore[type-var]
    monkeypatch.setattr(sys, "stdin", standard_input)
    lines = iter(InputLines())
    for count in range(1, 6):
        assert next(lines) == "one"
        assert raw.given <= 4 * (count + 2)


def test_a_closed_input_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(TextError, match="standard input must be open, but is closed"):
        list(InputLines())
