from pathlib import Path

import pytest
from filelock import FileLock

from nextword.disk.scratch import scratch_folder


def folders(parent: Path) -> set[str]:
    return {path.name for path in parent.iterdir() if path.is_dir()}


def test_a_folder_is_there_until_it_is_no_longer_needed(tmp_path: Path) -> None:
    parent = tmp_path / "cache"
    with scratch_folder(parent, "part") as folder:
        (folder / "text.txt").write_bytes(b"text")
        assert folders(parent) == {folder.name}
    with pytest.raises(ValueError, match="once"), scratch_folder(parent, "part"):
        raise ValueError("once")
    assert folders(parent) == set()


def test_what_a_killed_process_left_is_removed_and_what_is_in_use_is_kept(tmp_path: Path) -> None:
    for name in (".part-killed", ".part-older", ".other-folder"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "text.txt").write_bytes(b"text")
    (tmp_path / ".part-killed" / ".lock").write_bytes(b"")
    with scratch_folder(tmp_path, "part") as first, scratch_folder(tmp_path, "part") as second:
        assert folders(tmp_path) == {".other-folder", first.name, second.name}
        with FileLock(tmp_path / ".lock-part", timeout=0):
            pass  # nobody waits for those who are still writing
