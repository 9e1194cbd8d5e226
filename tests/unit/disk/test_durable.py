import errno
import gc
import os
from pathlib import Path

import pytest

from nextword.disk import durable
from nextword.errors import StorageError


def test_a_write_that_the_system_cuts_short_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real_write(descriptor, data[:3]))
    durable.write_new_file(tmp_path / "a", b"0123456789")
    assert (tmp_path / "a").read_bytes() == b"0123456789"


def test_an_existing_file_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(FileExistsError):
        durable.write_new_file(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"old"


def test_no_descriptor_is_left_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    gc.collect()  # else what others have left open might be closed in between
    before = len(list(Path("/dev/fd").iterdir()))
    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="Input/output"):
        durable.write_new_file(tmp_path / "a", b"")
    with pytest.raises(OSError, match="Input/output"):
        durable.sync_directory(tmp_path)
    assert len(list(Path("/dev/fd").iterdir())) == before


def test_directories_are_made_and_their_parents_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(durable, "sync_directory", synced.append)
    durable.make_directory(tmp_path / "a" / "b")
    durable.make_directory(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    assert synced == [tmp_path, tmp_path / "a"]


def test_an_error_of_the_system_becomes_one_for_the_user(tmp_path: Path) -> None:
    said = r"`.*/a` could not be written \(No space left on device\); .* is kept"
    with pytest.raises(StorageError, match=said), durable.disk_errors(tmp_path / "a", "written"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
