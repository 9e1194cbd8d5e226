import errno
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from nextword.errors import SettingError, StorageError, TextError
from nextword.system import cache
from nextword.system.cache import (
    cache_entries,
    cache_key,
    cache_limit,
    cache_root,
    cached_content,
    cached_folder,
    remove_entry,
    scratch_folder,
    trim_cache,
)
from nextword.system.manifest import MANIFEST_NAME
from nextword.system.progress import ReadingProgress, reporting_to


class Builder:
    """Writes two files and counts how often."""

    def __init__(self) -> None:
        self.num_builds = 0

    def __call__(self, folder: Path) -> None:
        self.num_builds += 1
        (folder / "one").write_bytes(b"1" * 100)
        (folder / "two").write_bytes(b"2")


def test_a_folder_is_built_once(tmp_path: Path) -> None:
    build = Builder()
    folder = tmp_path / "new" / "folder"
    assert cached_folder(folder, build) == cached_folder(folder, build) == folder
    assert (folder / "one").read_bytes() == b"1" * 100
    assert build.num_builds == 1


def _flip(folder: Path) -> None:
    (folder / "one").write_bytes(b"1" * 50 + b"0" + b"1" * 49)


def _delete_seal(folder: Path) -> None:
    (folder / MANIFEST_NAME).unlink()


@pytest.mark.parametrize("damage", [_flip, _delete_seal], ids=lambda f: f.__name__)
def test_a_damaged_folder_is_built_again(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    build = Builder()
    folder = cached_folder(tmp_path / "folder", build)
    damage(folder)
    for _ in range(2):
        cached_folder(folder, build)
        assert build.num_builds == 2
    assert (folder / "one").read_bytes() == b"1" * 100


def test_a_build_that_fails_leaves_nothing_under_the_name(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "one").write_bytes(b"half")
        raise TextError("no")

    with pytest.raises(TextError, match="no"):
        cached_folder(tmp_path / "folder", fail)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []


def test_what_an_interrupted_build_left_is_swept_away(tmp_path: Path) -> None:
    left = tmp_path / ".tmp-folder-0123456789ab"
    left.mkdir()
    (left / "three").write_bytes(b"3")
    folder = cached_folder(tmp_path / "folder", Builder())
    assert sorted(path.name for path in folder.iterdir()) == [MANIFEST_NAME, "one", "two"]
    assert not left.exists()


def test_of_two_that_build_at_once_one_does_and_the_other_says_that_it_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "_PATIENT_SECONDS", 0.01)
    build, said = Builder(), list[ReadingProgress]()
    told = threading.Event()

    def hear(progress: ReadingProgress) -> None:
        said.append(progress)
        told.set()

    def wait() -> None:
        with reporting_to(hear):
            cached_folder(tmp_path / "folder", build)

    first_is_building, may_finish = threading.Event(), threading.Event()

    def slow(folder: Path) -> None:
        first_is_building.set()
        assert may_finish.wait(60)
        build(folder)

    first = threading.Thread(target=cached_folder, args=(tmp_path / "folder", slow))
    second = threading.Thread(target=wait)
    first.start()
    assert first_is_building.wait(60)
    second.start()
    assert told.wait(60)
    assert second.is_alive()
    may_finish.set()
    first.join(60)
    second.join(60)
    assert build.num_builds == 1
    assert [progress.doing for progress in said] == ["waiting for another process, which prepares the same text"]


def test_a_cache_that_cannot_be_written_is_named_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match=r"file` must be writable, but is not .*set NEXTWORD_CACHE"):
        cached_folder(tmp_path / "file" / "folder", Builder())


def test_keys_differ_with_their_dependencies_and_with_nothing_else() -> None:
    assert cache_key("a", 1, None) == cache_key("a", 1, None)
    assert len({cache_key("a", "b"), cache_key("ab"), cache_key("a", "b", None), cache_key("b", "a")}) == 4


def test_the_root_is_that_of_the_argument_then_of_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEXTWORD_CACHE", str(tmp_path / "variable"))
    assert cache_root(tmp_path / "argument") == tmp_path / "argument"
    assert cache_root() == tmp_path / "variable"
    monkeypatch.setenv("NEXTWORD_CACHE", "")
    assert cache_root().name == "nextword"


def folders(parent: Path) -> set[str]:
    return {path.name for path in parent.iterdir() if path.is_dir()}


def test_a_scratch_folder_is_there_until_it_is_no_longer_needed(tmp_path: Path) -> None:
    parent = tmp_path / "cache"
    with scratch_folder(parent, "part") as folder:
        (folder / "text.txt").write_bytes(b"text")
        assert folders(parent) == {folder.name}
    with pytest.raises(ValueError, match="once"), scratch_folder(parent, "part"):
        raise ValueError("once")
    assert folders(parent) == set()


def test_scratch_of_a_killed_process_is_removed_and_what_is_in_use_is_kept(tmp_path: Path) -> None:
    for name in (".part-killed", ".part-older", ".other-folder"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "text.txt").write_bytes(b"text")
    (tmp_path / ".part-killed" / ".lock").write_bytes(b"")
    with scratch_folder(tmp_path, "part") as first, scratch_folder(tmp_path, "part") as second:
        assert folders(tmp_path) == {".other-folder", first.name, second.name}
        with FileLock(tmp_path / ".lock-part", timeout=0):
            pass  # nobody waits for those who are still writing


def test_the_same_content_has_one_folder(tmp_path: Path) -> None:
    first, second = (cached_content(tmp_path, "text", Builder(), 1) for _ in range(2))
    assert first == second
    assert (first / "two").read_bytes() == b"2"
    assert cached_content(tmp_path, "text", Builder(), 2) != first
    assert not list(tmp_path.glob(".gathering*"))


def filled(cache: Path, kind: str, number: int, *, hours_ago: float) -> Path:
    """A folder of the cache with a hundred bytes and its manifest, used some hours ago."""
    folder = cached_folder(cache / f"{kind}-{number:064x}", _fill)
    os.utime(folder, (0, folder.stat().st_mtime - 3600 * hours_ago))
    return folder


def _fill(folder: Path) -> None:
    (folder / "one").write_bytes(b"1" * 100)


def test_the_folders_used_longest_ago_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, older, recent = (filled(tmp_path, "tokens", n, hours_ago=h) for n, h in enumerate((5, 9, 0)))
    text = filled(tmp_path, "text", 1, hours_ago=50)
    foreign = tmp_path / "tokens-of-mine"
    foreign.mkdir()
    (foreign / "large").write_bytes(b"0" * 10_000)
    size = max(entry.num_bytes for entry in cache_entries(tmp_path))
    monkeypatch.setenv("NEXTWORD_CACHE_GB", str(4.5 * size / 10**9))
    added = filled(tmp_path, "tokens", 7, hours_ago=0)
    assert [path.exists() for path in (older, old, recent, text, added)] == [False, True, True, True, True]
    trim_cache(tmp_path, 1)
    assert [path.exists() for path in (old, recent, text, added, foreign)] == [False, True, False, True, True]


def test_compiled_programs_and_samples_do_not_count_towards_the_limit(tmp_path: Path) -> None:
    for name in ("compiled", "samples"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "large").write_bytes(b"0" * 10_000)
    kept = filled(tmp_path, "tokens", 1, hours_ago=9)
    trim_cache(tmp_path, 5000)
    assert kept.exists()


def test_use_keeps_a_folder_and_a_lock_too(tmp_path: Path) -> None:
    first, second = (filled(tmp_path, "tokens", n, hours_ago=9) for n in range(2))
    cached_folder(first, Builder())
    with FileLock(second.with_name(f".{second.name}.lock")):
        trim_cache(tmp_path, 1)
    assert folders(tmp_path) == {first.name, second.name}
    trim_cache(tmp_path, 1)
    assert folders(tmp_path) == {first.name}


def test_what_interrupted_work_left_is_removed_after_a_week(tmp_path: Path) -> None:
    names = [".gathering-a", f".tmp-tokens-{0:064x}-0123456789ab", ".tmp-compiled-0123456789ab"]
    for name in names:
        (tmp_path / name).mkdir()
    locks = [tmp_path / ".gathering-a" / ".lock", tmp_path / f".tokens-{0:064x}.lock"]
    for lock in locks:
        lock.write_bytes(b"")
    trim_cache(tmp_path, 1)
    assert folders(tmp_path) == set(names)
    assert {entry.kind for entry in cache_entries(tmp_path)} == {"unfinished"}
    for path in tmp_path.iterdir():
        os.utime(path, (0, 0))
    with FileLock(locks[0]):
        os.utime(locks[0], (0, 0))
        trim_cache(tmp_path, 1)
        assert folders(tmp_path) == {".gathering-a"}
    os.utime(locks[0], (0, 0))
    trim_cache(tmp_path, 1)
    assert list(tmp_path.iterdir()) == []


def test_all_of_a_cache_can_be_removed(tmp_path: Path) -> None:
    filled(tmp_path, "tokens", 1, hours_ago=0)
    (tmp_path / "samples" / "ptb").mkdir(parents=True)
    (tmp_path / "mine.txt").write_bytes(b"mine")
    assert all(remove_entry(entry) for entry in cache_entries(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    assert cache_entries(tmp_path / "nowhere") == []


def test_a_cache_that_cannot_be_listed_is_named_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> Iterator[Path]:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "iterdir", refuse)  # not by its mode, which root may ignore
    with pytest.raises(StorageError, match=r"the cache `.*` must be .*set NEXTWORD_CACHE"):
        cache_entries(tmp_path)


@pytest.mark.parametrize("value", ["much", "0", "-1", "inf", "nan"])
def test_a_limit_that_is_no_size_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    assert cache_limit() == 20 * 10**9
    monkeypatch.setenv("NEXTWORD_CACHE_GB", value)
    with pytest.raises(SettingError, match="must be a number of gigabytes above 0"):
        cache_limit()
