import gc
import io
from hashlib import sha256
from pathlib import Path

import pytest

from nextword.errors import TextError
from nextword.text.reading.packing import packing_of, unpacked_blocks, unpacked_stream
from support.packing import PACK


@pytest.mark.parametrize("packing", PACK)
def test_a_packed_file_is_unpacked_in_blocks(tmp_path: Path, packing: str) -> None:
    path = tmp_path / "book.txt"
    path.write_bytes(PACK[packing](b"the cat sat\n" * 10_000))
    assert packing_of(path) == packing
    blocks = list(unpacked_blocks(path, block=1000))
    assert max(map(len, blocks)) <= 1000
    assert b"".join(blocks) == b"the cat sat\n" * 10_000


def test_other_files_are_read_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "book.txt.gz"
    for content in (b"", b"\x1f", b"\x28\xb5\x2f text", b"the cat\n"):
        path.write_bytes(content)
        assert packing_of(path) is None
        assert b"".join(unpacked_blocks(path)) == content


@pytest.mark.parametrize("packing", PACK)
def test_a_damaged_file_is_named(tmp_path: Path, packing: str) -> None:
    path = tmp_path / "book.txt"
    path.write_bytes(PACK[packing](b"the cat sat\n" * 100)[:-5])
    with pytest.raises(TextError, match=rf"book\.txt` must be a whole {packing} file, but is damaged"):
        list(unpacked_blocks(path))


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    for read in (packing_of, lambda path: list(unpacked_blocks(path))):
        with pytest.raises(TextError, match=r"nothing\.txt` must be a file that can be read, but: No such file"):
            read(tmp_path / "nothing.txt")


def packed(packing: str, content: bytes) -> bytes:
    return PACK[packing](content) if packing else content


@pytest.mark.parametrize("packing", ["", *PACK])
@pytest.mark.parametrize("content", [b"", b"the cat\n", b"the cat\n" * 50_000], ids=len)
def test_a_file_must_have_the_expected_sum(tmp_path: Path, packing: str, content: bytes) -> None:
    path = tmp_path / "book.txt"
    path.write_bytes(packed(packing, content))
    blocks = unpacked_blocks(path, sha256=sha256(path.read_bytes()).hexdigest())
    assert b"".join(blocks) == content
    blocks = unpacked_blocks(path, sha256=sha256(b"before").hexdigest())
    with pytest.raises(TextError, match=r"book\.txt` must not change while it is read, but has changed; try again"):
        list(blocks)


@pytest.mark.parametrize("packing", ["", *PACK])
def test_a_stream_stays_open(packing: str) -> None:
    for read in (list, next):
        stream = io.BytesIO(packed(packing, b"the cat\n"))
        read(unpacked_stream(stream, "the stream"))
        gc.collect()
        assert not stream.closed
