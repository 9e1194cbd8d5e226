import os
import shutil
import stat
from pathlib import Path

import pytest

from nextword.errors import StorageError
from nextword.system import sealed_directory
from nextword.system.files import write_file
from support.sealed import FILES, NEWER, names


def test_what_is_written_is_read(path: Path) -> None:
    assert sealed_directory.read(path) == FILES
    assert {name: seal.size for name, seal in sealed_directory.verify(path).items()} == {
        "a.txt": 5,
        "b.bin": 256,
        "empty": 0,
    }
    assert names(path.parent) == {"sealed"}


def test_the_folder_that_one_is_in_is_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path)
    assert sealed_directory.read(Path()) == FILES


def test_what_is_built_file_by_file_is_read_and_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)

    def fill(folder: Path) -> None:
        for name, data in FILES.items():
            (folder / name).write_bytes(data)

    sealed_directory.build(tmp_path / "new" / "sealed", fill)
    assert sealed_directory.read(tmp_path / "new" / "sealed") == FILES
    # Each file, the manifest, the directory itself and its parent, which was new too.
    assert len(synced) == len(FILES) + 4


def test_a_build_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "a.txt").write_bytes(b"half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        sealed_directory.build(tmp_path / "sealed", fail)
    assert names(tmp_path) == set()


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_files_are_readable_by_whom_the_umask_allows(tmp_path: Path, umask: int, mode: int) -> None:
    former = os.umask(umask)
    try:
        sealed_directory.write(tmp_path / "sealed", FILES)
        write_file(tmp_path / "single", b"")
    finally:
        os.umask(former)
    files = [tmp_path / "single", *(tmp_path / "sealed").iterdir()]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {mode}
    assert stat.S_IMODE((tmp_path / "sealed").stat().st_mode) == 0o777 & ~umask


def test_a_relative_path_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    sealed_directory.write(Path("sealed"), FILES)
    assert sealed_directory.read(Path("sealed")) == FILES


@pytest.mark.parametrize("name", ["..", "a/..", "/"])
def test_a_path_without_a_name_of_its_own_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="must end in a name"):
        sealed_directory.write(tmp_path / name, FILES, replace=True)


@pytest.mark.parametrize("name", ["../a", "a/b", ".a", "MANIFEST.json", ""])
def test_a_file_name_that_is_not_plain_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(StorageError, match="plain names"):
        sealed_directory.write(tmp_path / "sealed", {name: b""})
    assert names(tmp_path) == set()


def test_an_existing_directory_is_not_replaced_unasked(path: Path) -> None:
    with pytest.raises(StorageError, match="exists already"):
        sealed_directory.write(path, NEWER)
    assert sealed_directory.read(path) == FILES


def test_a_replaced_directory_holds_the_new_files_only(path: Path) -> None:
    sealed_directory.write(path, NEWER, replace=True)
    assert sealed_directory.read(path) == NEWER
    assert names(path.parent) == {"sealed"}


@pytest.mark.parametrize("damage", ["a.txt", "MANIFEST.json"])
def test_a_damaged_directory_is_replaced(path: Path, damage: str) -> None:
    (path / damage).unlink()
    sealed_directory.write(path, FILES, replace=True)
    assert sealed_directory.read(path) == FILES


def test_a_directory_with_a_foreign_file_is_not_replaced(path: Path) -> None:
    (path / "notes").write_text("mine", encoding="utf-8")
    with pytest.raises(StorageError, match="holds 'notes', which would be lost"):
        sealed_directory.write(path, NEWER, replace=True)
    assert names(path) == {"notes", "MANIFEST.json", *FILES}


def test_a_directory_that_was_never_sealed_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "home" / "letters").mkdir(parents=True)
    with pytest.raises(StorageError, match="holds 'letters'"):
        sealed_directory.write(tmp_path / "home", FILES, replace=True)
    assert names(tmp_path / "home") == {"letters"}


@pytest.mark.parametrize("kind", ["file", "link", "dangling link"])
def test_what_is_no_directory_is_not_replaced(path: Path, kind: str) -> None:
    other = path.with_name("other")
    if kind == "file":
        other.write_bytes(b"")
    else:
        other.symlink_to(path if kind == "link" else path.with_name("nowhere"))
    with pytest.raises(StorageError, match="must be a directory to be replaced"):
        sealed_directory.write(other, NEWER, replace=True)
    assert sealed_directory.read(path) == FILES


@pytest.mark.parametrize("kind", ["absent", "file"])
def test_what_is_no_sealed_directory_is_refused(tmp_path: Path, kind: str) -> None:
    if kind == "file":
        (tmp_path / "sealed").write_bytes(b"")
    with pytest.raises(StorageError, match="must be a directory"):
        sealed_directory.read(tmp_path / "sealed")


def test_a_file_that_the_manifest_does_not_name_is_not_read(path: Path) -> None:
    with sealed_directory.opened(path) as sealed, pytest.raises(StorageError, match="`other` is missing"):
        sealed.read("other")


def test_a_file_is_checked_without_being_read_as_it_is_when_read(path: Path) -> None:
    with sealed_directory.opened(path) as sealed:
        sealed.check("b.bin")
        with pytest.raises(StorageError, match="`other` is missing"):
            sealed.check("other")
        for content in (FILES["b.bin"][:-1] + b"x", FILES["b.bin"][:-1], FILES["b.bin"] + b"x"):
            (path / "b.bin").write_bytes(content)
            said = []
            for look in (sealed.check, sealed.read):
                with pytest.raises(StorageError, match=r"is damaged: `b\.bin`") as error:
                    look("b.bin")
                said.append(str(error.value))
            assert said[0] == said[1]


def test_the_directory_itself_may_be_reached_by_a_link(path: Path) -> None:
    path.with_name("current").symlink_to("sealed")
    assert sealed_directory.read(path.with_name("current")) == FILES


def test_a_reader_never_mixes_two_versions(path: Path) -> None:
    with sealed_directory.opened(path) as sealed:
        path.rename(path.with_name("old"))
        sealed_directory.write(path, {**FILES, "a.txt": b"omega"})
        assert {name: sealed.read(name) for name in sealed.manifest} == FILES


def test_a_reader_finds_what_a_dead_writer_set_aside(path: Path) -> None:
    path.rename(path.with_name(".aside-sealed"))
    assert sealed_directory.names(path.parent) == ["sealed"]
    assert sealed_directory.read(path) == FILES
    sealed_directory.remove_leftovers(path.parent)
    assert names(path.parent) == {"sealed"}
    assert sealed_directory.read(path) == FILES


def test_a_replacement_that_died_before_its_last_step_is_finished(path: Path) -> None:
    shutil.copytree(path, path.with_name(".aside-sealed"))
    assert sealed_directory.names(path.parent) == ["sealed"]
    sealed_directory.write(path, NEWER, replace=True)
    assert names(path.parent) == {"sealed"}
    assert sealed_directory.read(path) == NEWER


def test_leftovers_are_removed_and_nothing_else(path: Path) -> None:
    outside = path.parent / "outside"
    outside.mkdir()
    (path.parent / ".tmp-sealed-0123456789ab" / "deep").mkdir(parents=True)
    (path.parent / ".tmp-log-0123456789ab").write_bytes(b"")
    (path.parent / ".tmp-link-0123456789ab").symlink_to(outside)
    (path.parent / ".tmp-mine").mkdir()
    assert sealed_directory.names(path.parent) == [".tmp-mine", "outside", "sealed"]
    sealed_directory.remove_leftovers(path.parent)
    assert names(path.parent) == {".tmp-mine", "outside", "sealed"}


def test_a_removed_directory_is_gone(path: Path) -> None:
    sealed_directory.remove(path)
    assert names(path.parent) == set()
    with pytest.raises(StorageError, match="could not be removed"):
        sealed_directory.remove(path)
