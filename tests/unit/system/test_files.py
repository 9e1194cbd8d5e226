import errno
import gc
import os
from pathlib import Path

import pytest

from nextword.errors import StorageError
from nextword.system import files
from nextword.system.files import TEMPORARY_NAME, replacing, write_file
from support.sealed import names


def test_a_write_that_the_system_cuts_short_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real_write(descriptor, data[:3]))
    files.write_new_file(tmp_path / "a", b"0123456789")
    assert (tmp_path / "a").read_bytes() == b"0123456789"


def test_an_existing_file_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(FileExistsError):
        files.write_new_file(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"old"


def test_no_descriptor_is_left_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    gc.collect()  # else what others have left open might be closed in between
    before = len(list(Path("/dev/fd").iterdir()))
    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="Input/output"):
        files.write_new_file(tmp_path / "a", b"")
    with pytest.raises(OSError, match="Input/output"):
        files.sync_directory(tmp_path)
    assert len(list(Path("/dev/fd").iterdir())) == before


def test_directories_are_made_and_their_parents_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(files, "sync_directory", synced.append)
    files.make_directory(tmp_path / "a" / "b")
    files.make_directory(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    assert synced == [tmp_path, tmp_path / "a"]


def test_an_error_of_the_system_becomes_one_for_the_user(tmp_path: Path) -> None:
    said = r"`.*/a` could not be written \(No space left on device\); .* is kept"
    with pytest.raises(StorageError, match=said), files.disk_errors(tmp_path / "a", "written"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


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
