import os
from pathlib import Path

import pytest

from nextword.disk.durable import TEMPORARY_NAME
from nextword.disk.single_file import replacing, write_file
from nextword.errors import StorageError


def names(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()}


def test_a_file_is_written_and_replaced(tmp_path: Path) -> None:
    for data in (b"first", b"second"):
        write_file(tmp_path / "file", data)
        assert (tmp_path / "file").read_bytes() == data
    assert names(tmp_path) == {"file"}


def test_until_the_end_the_former_file_is_there_and_another_writer_in_no_ones_way(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_file(path, b"former")
    with replacing(path) as first, replacing(path) as second:
        assert first != second
        assert all(TEMPORARY_NAME.fullmatch(temporary.name) for temporary in (first, second))
        first.write_bytes(b"first")
        second.write_bytes(b"second")
        assert path.read_bytes() == b"former"
    assert path.read_bytes() == b"first"  # its block ended last
    assert names(tmp_path) == {"file"}


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("refused")], ids=repr)
def test_a_block_that_fails_changes_nothing(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "file"
    write_file(path, b"former")

    def fail() -> None:
        with replacing(path) as temporary:
            temporary.write_bytes(b"half")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert path.read_bytes() == b"former"
    assert names(tmp_path) == {"file"}


def test_what_the_disk_refuses_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="nowhere/file` could not be written"):
        write_file(tmp_path / "nowhere" / "file", b"")
    with pytest.raises(StorageError, match="must end in a name, but does not"):
        write_file(Path("/"), b"")


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    target, link = tmp_path / "folder" / "file", tmp_path / "link"
    link.symlink_to(target)
    for data in (b"made", b"replaced"):
        write_file(link, data)
        assert link.is_symlink()
        assert target.read_bytes() == data
    assert names(tmp_path) == {"folder", "link"}
    assert names(tmp_path / "folder") == {"file"}


def test_nothing_but_a_file_is_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(StorageError, match="must be a file to be replaced, but is a pipe or a device"):
        write_file(pipe, b"data")
    with pytest.raises(StorageError, match="must be a file to be replaced, but is a directory"):
        write_file(tmp_path, b"data")
    assert pipe.is_fifo()
    assert names(tmp_path) == {"pipe"}
