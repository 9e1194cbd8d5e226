import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextword.errors import StorageError
from nextword.system import manifest
from nextword.system.files import HeldDirectory, held

SUM = "0" * 64


def manifest_json(files: Any, **other: Any) -> bytes:
    return json.dumps({"format": 1, "files": files} | other).encode()


@settings(deadline=None)
@given(st.dictionaries(st.from_regex(r"[a-z][A-Za-z0-9._-]{0,20}", fullmatch=True), st.binary(max_size=20), max_size=5))
def test_a_manifest_is_read_as_it_was_written(files: dict[str, bytes]) -> None:
    seals = {name: manifest.seal_of(data) for name, data in files.items()}
    assert manifest.decode(manifest.encode(seals)) == seals


@pytest.mark.parametrize("name", ["", ".", "..", "../a", "a/b", "/a", ".hidden", "-a", "a\0", "a\n", "é", "a" * 101])
def test_a_name_that_is_not_plain_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="plain names"):
        manifest.decode(manifest_json({name: {"size": 0, "sha256": SUM}}))


def test_the_manifest_does_not_name_itself() -> None:
    with pytest.raises(ValueError, match="plain names"):
        manifest.check_names({"MANIFEST.json": b""})


def test_too_many_files_are_refused() -> None:
    manifest.check_names({f"file-{index}": b"" for index in range(100)})
    with pytest.raises(ValueError, match="at most 100 files, but would hold 101"):
        manifest.check_names({f"file-{index}": b"" for index in range(101)})


@pytest.mark.parametrize(
    "seal",
    [
        None,
        [],
        {"size": 0},
        {"size": 0, "sha256": SUM, "mode": 1},
        {"size": -1, "sha256": SUM},
        {"size": True, "sha256": SUM},
        {"size": 0.0, "sha256": SUM},
        {"size": "0", "sha256": SUM},
        {"size": 0, "sha256": 0},
        {"size": 0, "sha256": SUM[1:]},
        {"size": 0, "sha256": SUM.replace("0", "G")},
    ],
)
def test_a_seal_that_is_no_seal_is_refused(seal: object) -> None:
    with pytest.raises(ValueError, match="must give `a` a `size` and a `sha256`"):
        manifest.decode(manifest_json({"a": seal}))


@pytest.mark.parametrize("data", [b"[]", b"{}", b'{"format": 1}', manifest_json([]), manifest_json({}, extra=1)])
def test_a_table_that_is_no_manifest_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="must hold `format` and `files`"):
        manifest.decode(data)


def test_every_flipped_bit_is_seen() -> None:
    seals = {"a": manifest.seal_of(b"alpha"), "b": manifest.seal_of(b"")}
    whole = manifest.encode(seals)
    for position in range(len(whole)):
        for bit in range(8):
            data = bytearray(whole)
            data[position] ^= 1 << bit
            try:
                assert manifest.decode(bytes(data)) != seals
            except ValueError:
                continue


@pytest.mark.parametrize("number", [2, 0, "1", True, 1.0, None])
def test_another_format_is_refused(number: object) -> None:
    with pytest.raises(ValueError, match="must be of format 1"):
        manifest.decode(manifest_json({}, format=number))


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[HeldDirectory]:
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with held(tmp_path) as directory:
        yield directory


def test_a_file_is_opened_in_the_directory_that_is_open_wherever_it_is_now(
    tmp_path: Path, directory: HeldDirectory
) -> None:
    tmp_path.rename(tmp_path.with_name("moved"))
    with manifest.opened_regular_file(tmp_path, directory, "file", 7) as stream:
        assert stream.read() == b"content"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("link", "`link` must be a regular file"),
        ("folder", "`folder` must be a regular file"),
        ("pipe", "`pipe` must be a regular file"),
        ("absent", "`absent` is missing"),
        ("file", "`file` must be at most 6 bytes long, but is 7"),
    ],
)
def test_what_is_no_file_or_too_long_is_refused(tmp_path: Path, directory: HeldDirectory, name: str, said: str) -> None:
    with (
        pytest.raises(StorageError, match=f"^`{tmp_path}` is damaged: {said}"),
        manifest.opened_regular_file(tmp_path, directory, name, 6),
    ):
        pass


def test_an_error_of_the_disk_while_it_is_read_is_told(tmp_path: Path, directory: HeldDirectory) -> None:
    with (
        pytest.raises(StorageError, match="must be readable"),
        manifest.opened_regular_file(tmp_path, directory, "file", 7),
    ):
        raise OSError(5, "Input/output error")


def test_what_is_damaged_is_named_with_its_repair(tmp_path: Path) -> None:
    assert str(manifest.damaged(tmp_path, "half of it")).startswith(
        f"`{tmp_path}` is damaged: half of it; write it again"
    )
