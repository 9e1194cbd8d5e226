from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nextword.errors import TextError
from nextword.text.reading.reader import TextRange
from nextword.text.sources.names import SPLITS, SplitOrAll
from nextword.text.sources.plain import split_whole

SHARED_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def split_file(path: Path, valid: float, test: float) -> tuple[dict[SplitOrAll, TextRange], str]:
    return split_whole(TextRange.whole(path), valid, test, f"one file, `{path.name}`")


def parts(path: Path, valid: float = 0.1, test: float = 0.1) -> list[bytes]:
    content = path.read_bytes()
    ranges, _ = split_file(path, valid, test)
    return [content[ranges[name].start : ranges[name].stop] for name in SPLITS]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "book.txt"


def test_the_cut_is_after_the_next_line_end(path: Path) -> None:
    path.write_bytes(b"".join(b"line %03d\n" % number for number in range(100)))
    train, valid, test = parts(path)
    assert (train[-9:], valid[-9:], test[-9:]) == (b"line 080\n", b"line 090\n", b"line 099\n")


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_a_blank_line_nearby_is_preferred_and_half_a_line_end_is_none(path: Path, end: bytes) -> None:
    lines = [b"" if number in (45, 84) else b"line %03d" % number for number in range(100)]
    path.write_bytes(end.join(lines) + end)
    train, valid, _ = parts(path)
    assert train.endswith(b"line 083" + end + end)
    assert valid.endswith(b"line 090" + end)


def test_a_blank_line_too_far_away_is_not_waited_for(path: Path) -> None:
    lines = [b"" if number == 88 else b"line %03d" % number for number in range(100)]
    path.write_bytes(b"\n".join(lines) + b"\n")
    assert parts(path)[0].endswith(b"line 079\n")


def test_a_line_end_of_two_characters_is_not_cut_apart(path: Path) -> None:
    for length in range(1, 12):
        path.write_bytes((b"a" * length + b"\r\n") * 60)
        for part in parts(path):
            assert part.endswith(b"a\r\n")
            assert part.startswith(b"a")


def test_a_line_end_is_not_cut_apart_where_the_search_for_a_blank_line_stops(path: Path) -> None:
    for length in range(780, 880):
        path.write_bytes(b"a" * length + b"\r\n\r\n" + b"line\r\n" * ((1000 - length) // 6))
        assert all(part.endswith(b"\r\n") for part in parts(path))


def test_a_blank_line_may_end_with_two_characters_or_hold_spaces(path: Path) -> None:
    path.write_bytes(b"one two\r\n \t\r\n" * 100)
    assert all(part.endswith(b"two\r\n \t\r\n") for part in parts(path))


def test_text_without_line_ends_is_cut_at_a_space(path: Path) -> None:
    path.write_bytes(b"word " * 100)
    assert all(part.startswith(b"word ") and part.endswith(b" ") for part in parts(path))
    assert "cut after a space" in split_file(path, 0.1, 0.1)[1]


def test_the_sentence_says_how(path: Path) -> None:
    path.write_bytes(b"line\n" * 100)
    sentence = split_file(path, 0.1, 0.2)[1]
    assert sentence == (
        "one file, `book.txt`, split by bytes in its own order: train 71.0%, valid 10.0%, test 19.0%; "
        "cut after a line end"
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    lines=st.lists(st.sampled_from(["a", "b c", "a\n", "é", "é\r"]), min_size=60),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    valid=st.floats(0.1, 0.4),
    test=st.floats(0.1, 0.4),
)
def test_nothing_is_lost_or_doubled_and_no_part_is_empty(
    tmp_path: Path, lines: list[str], end: str, valid: float, test: float
) -> None:
    path = tmp_path / "any.txt"
    path.write_bytes((end.join(lines) + end).encode())
    first = parts(path, valid, test)
    assert b"".join(first) == path.read_bytes()
    assert all(part.strip() for part in first)
    assert parts(path, valid, test) == first


@pytest.mark.parametrize("content", [b"one line\n", b"x", b"unbroken" * 1000, b"a\nb\n"])
def test_a_file_that_cannot_be_cut_in_three_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(TextError, match=r"must be long enough to be split in three, .* give at least 1,000 bytes in"):
        split_file(path, 0.05, 0.05)


@pytest.mark.parametrize("end", ["\n", "\n\n", " \n\r\n \n"])
@pytest.mark.parametrize("number", [40, 60])
def test_no_part_is_only_the_white_space_at_the_end(path: Path, end: str, number: int) -> None:
    path.write_text("\n\n".join(f"paragraph {each} of a short text" for each in range(number)) + end, encoding="utf-8")
    assert path.stat().st_size > 1000
    assert all(part.strip() for part in parts(path, 0.05, 0.05))


def test_a_blank_line_alone_is_no_part(path: Path) -> None:
    path.write_bytes(b"long " * 190 + b"paragraph\n\nshort one\nand another\nand a third\n")
    assert all(part.strip() for part in parts(path, 0.05, 0.05))


def test_an_empty_file_is_refused(path: Path) -> None:
    path.write_bytes(b"")
    with pytest.raises(TextError, match=r"book\.txt` must hold text, but is empty"):
        split_file(path, 0.05, 0.05)
