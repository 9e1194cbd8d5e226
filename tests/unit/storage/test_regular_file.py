import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from nextword.errors import StorageError
from nextword.storage.regular_file import damaged, opened_regular_file


@pytest.fixture
def descriptor(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    descriptor = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield descriptor
    os.close(descriptor)


def test_a_file_is_opened_in_the_directory_that_is_open_wherever_it_is_now(tmp_path: Path, descriptor: int) -> None:
    tmp_path.rename(tmp_path.with_name("moved"))
    with opened_regular_file(tmp_path, descriptor, "file", 7) as stream:
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
def test_what_is_no_file_or_too_long_is_refused(tmp_path: Path, descriptor: int, name: str, said: str) -> None:
    with (
        pytest.raises(StorageError, match=f"^`{tmp_path}` is damaged: {said}"),
        opened_regular_file(tmp_path, descriptor, name, 6),
    ):
        pass


def test_an_error_of_the_disk_while_it_is_read_is_told(tmp_path: Path, descriptor: int) -> None:
    with (
        pytest.raises(StorageError, match="must be a file that can be read"),
        opened_regular_file(tmp_path, descriptor, "file", 7),
    ):
        raise OSError(5, "Input/output error")


def test_what_is_damaged_is_named_with_its_repair(tmp_path: Path) -> None:
    assert str(damaged(tmp_path, "half of it")).startswith(f"`{tmp_path}` is damaged: half of it; write it anew")
