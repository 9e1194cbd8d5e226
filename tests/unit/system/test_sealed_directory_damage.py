import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextword.errors import StorageError
from nextword.system import sealed_directory
from support.sealed import FILES


def truncate(path: Path) -> None:
    (path / "b.bin").write_bytes(FILES["b.bin"][:-1])


def grow(path: Path) -> None:
    (path / "empty").write_bytes(b"x")


def flip(path: Path) -> None:
    (path / "a.txt").write_bytes(b"alphb")


def miss(path: Path) -> None:
    (path / "a.txt").unlink()


def add(path: Path) -> None:
    (path / "extra").write_bytes(b"")


def add_many(path: Path) -> None:
    for index in range(200):
        (path / f"{index:03d}").write_bytes(b"")


def link(path: Path) -> None:
    shutil.move(path / "a.txt", path.with_name("a.txt"))
    (path / "a.txt").symlink_to(path.with_name("a.txt"))


def link_manifest(path: Path) -> None:
    shutil.move(path / "MANIFEST.json", path.with_name("m"))
    (path / "MANIFEST.json").symlink_to(path.with_name("m"))


def loop(path: Path) -> None:
    (path / "a.txt").unlink()
    (path / "a.txt").symlink_to("a.txt")


def nest(path: Path) -> None:
    (path / "a.txt").unlink()
    (path / "a.txt").mkdir()


def pipe(path: Path) -> None:
    (path / "a.txt").unlink()
    os.mkfifo(path / "a.txt")


def unseal(path: Path) -> None:
    (path / "MANIFEST.json").unlink()


def garble(path: Path) -> None:
    (path / "MANIFEST.json").write_bytes(b"{")


def inflate(path: Path) -> None:
    (path / "MANIFEST.json").write_bytes(b" " * 70_000)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (truncate, "`b.bin` must be 256 bytes long, but is 255"),
        (grow, "`empty` must be at most 0 bytes long, but is 1"),
        (flip, "`a.txt` does not have the SHA-256 digest"),
        (miss, "`a.txt` is missing"),
        (add, "does not name the file 'extra'"),
        (add_many, "does not name the file"),
        (link, "`a.txt` must be a regular file"),
        (link_manifest, "`MANIFEST.json` must be a regular file"),
        (loop, "`a.txt` must be a regular file"),
        (nest, "`a.txt` must be a regular file"),
        (pipe, "`a.txt` must be a regular file"),
        (unseal, "`MANIFEST.json` is missing"),
        (garble, "`MANIFEST.json` must be JSON"),
        (inflate, "`MANIFEST.json` must be at most 65536 bytes"),
    ],
)
def test_damage_is_named(path: Path, damage: Callable[[Path], None], said: str) -> None:
    damage(path)
    for look in (sealed_directory.verify, sealed_directory.read):
        with pytest.raises(StorageError, match="sealed` is damaged: ") as error:
            look(path)
        assert said in str(error.value)


def test_a_link_put_there_between_the_look_and_the_opening_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link(path)
    monkeypatch.setattr(stat, "S_ISREG", bool)
    with pytest.raises(StorageError, match=r"a\.txt` must be readable"):
        sealed_directory.read(path)


@settings(deadline=None)
@given(position=st.integers(0, 10_000), bit=st.integers(0, 7), name=st.sampled_from(["a.txt", "b.bin"]))
def test_no_flipped_bit_goes_unseen(
    tmp_path_factory: pytest.TempPathFactory, position: int, bit: int, name: str
) -> None:
    path = tmp_path_factory.mktemp("flip") / "sealed"
    sealed_directory.write(path, FILES)
    data = bytearray(FILES[name])
    data[position % len(data)] ^= 1 << bit
    (path / name).write_bytes(data)
    with pytest.raises(StorageError, match="SHA-256"):
        sealed_directory.verify(path)
