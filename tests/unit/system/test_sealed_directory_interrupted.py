"""Writing is cut off at every call that it makes; what was there before is whole, or what is new."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from nextword.errors import StorageError
from nextword.system import files, sealed_directory
from nextword.system.files import write_file
from support.sealed import FILES, NEWER, names


class Interruption:
    """Raises `error` at the call number `at` of the operations that change a disk."""

    operations = ("open", "write", "fsync", "mkdir", "rename", "replace")

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int, error: BaseException) -> None:
        self.num_calls = 0
        for name in self.operations:
            monkeypatch.setattr(os, name, self._counted(getattr(os, name), at, error))

    def _counted(self, real: Callable[..., object], at: int, error: BaseException) -> Callable[..., object]:
        def call(*arguments: object, **options: object) -> object:
            self.num_calls += 1
            if self.num_calls == at:
                raise error
            return real(*arguments, **options)

        return call


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt(), MemoryError()], ids=repr)
@pytest.mark.parametrize("present", [False, True])
def test_at_whatever_call_it_is_cut_off_nothing_changes(tmp_path: Path, error: BaseException, present: bool) -> None:
    for at in range(1, 100):
        path = tmp_path / str(at) / "sealed"
        path.parent.mkdir()
        if present:
            sealed_directory.write(path, FILES)
        with pytest.MonkeyPatch.context() as monkeypatch:
            interruption = Interruption(monkeypatch, at, error)
            try:
                sealed_directory.write(path, NEWER, replace=True)
            except (StorageError, KeyboardInterrupt, MemoryError):
                assert interruption.num_calls >= at
            else:
                break
        if present and not isinstance(error, OSError) and sealed_directory.read(path) == NEWER:
            assert names(path.parent) == {"sealed", ".aside-sealed"}  # interrupted when all was done but the clearing
            sealed_directory.remove_leftovers(path.parent)
        else:
            assert names(path.parent) == ({"sealed"} if present else set())
            assert not present or sealed_directory.read(path) == FILES
    assert at > 12
    assert sealed_directory.read(tmp_path / str(at) / "sealed") == NEWER


@pytest.mark.parametrize("error", [OSError(errno.EIO, "broken"), KeyboardInterrupt()], ids=repr)
def test_at_whatever_call_it_is_cut_off_the_single_file_is_whole(tmp_path: Path, error: BaseException) -> None:
    file = tmp_path / "file"
    for at in range(1, 100):
        file.write_bytes(b"old")
        with pytest.MonkeyPatch.context() as monkeypatch:
            Interruption(monkeypatch, at, error)
            try:
                write_file(file, b"new")
            except (StorageError, KeyboardInterrupt):
                assert file.read_bytes() in (b"old", b"new")
            else:
                break
        assert names(tmp_path) == {"file"}
    assert at > 5
    assert file.read_bytes() == b"new"


def test_the_manifest_is_the_last_file_and_all_is_synced_before_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    real_write, real_sync = files.write_new_file, files.sync_directory

    def write_new_file(path: Path, data: bytes) -> None:
        steps.append(path.name)
        real_write(path, data)

    def sync_directory(path: Path) -> None:
        steps.append("parent synced" if (tmp_path / "sealed").exists() else "files synced")
        real_sync(path)

    monkeypatch.setattr(files, "write_new_file", write_new_file)
    monkeypatch.setattr(files, "sync_directory", sync_directory)
    sealed_directory.write(tmp_path / "sealed", FILES)
    assert steps == ["a.txt", "b.bin", "empty", "MANIFEST.json", "files synced", "parent synced"]
