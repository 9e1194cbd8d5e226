import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from nextword.disk.cache import cache_key, cache_root, cached_folder
from nextword.disk.manifest import MANIFEST_NAME
from nextword.errors import StorageError, TextError


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


def _cut(folder: Path) -> None:
    (folder / "one").write_bytes(b"1" * 99)


def _flip(folder: Path) -> None:
    (folder / "one").write_bytes(b"1" * 50 + b"0" + b"1" * 49)


def _delete(folder: Path) -> None:
    (folder / "two").unlink()


def _delete_seal(folder: Path) -> None:
    (folder / MANIFEST_NAME).unlink()


def _empty_seal(folder: Path) -> None:
    (folder / MANIFEST_NAME).write_text("{}")


def _spoil_seal(folder: Path) -> None:
    (folder / MANIFEST_NAME).write_bytes(b"\xff")


def _replace_seal(folder: Path) -> None:
    (folder / MANIFEST_NAME).write_text(json.dumps([1]))


@pytest.mark.parametrize(
    "damage", [_cut, _flip, _delete, _delete_seal, _empty_seal, _spoil_seal, _replace_seal], ids=lambda f: f.__name__
)
def test_a_damaged_folder_is_built_again(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    build = Builder()
    folder = cached_folder(tmp_path / "folder", build)
    damage(folder)
    cached_folder(folder, build)
    assert build.num_builds == 2
    assert (folder / "one").read_bytes() == b"1" * 100
    cached_folder(folder, build)
    assert build.num_builds == 2


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


def test_of_two_that_build_at_once_one_does(tmp_path: Path) -> None:
    build = Builder()
    first_is_building, may_finish = threading.Event(), threading.Event()

    def slow(folder: Path) -> None:
        first_is_building.set()
        assert may_finish.wait(60)
        build(folder)

    first = threading.Thread(target=cached_folder, args=(tmp_path / "folder", slow))
    second = threading.Thread(target=cached_folder, args=(tmp_path / "folder", build))
    first.start()
    assert first_is_building.wait(60)
    second.start()
    second.join(0.2)
    assert second.is_alive()
    may_finish.set()
    first.join(60)
    second.join(60)
    assert build.num_builds == 1


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
