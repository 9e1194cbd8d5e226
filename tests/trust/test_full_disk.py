"""A file system of four megabytes is full, not only said to be."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from nextword.errors import StorageError
from nextword.training.checkpoint_store import CheckpointStore
from support.checkpoint_stores import newest_of, step_names
from support.trust_cases import TrustCases

MEGABYTE = 2**20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own in memory, which only root may make."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if os.name != "posix" or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)  # noqa: S607


def test_a_full_disk_keeps_the_checkpoint_and_takes_the_next_after_room_was_made(
    small_disk: Path, trust_cases: TrustCases
) -> None:
    checkpoints = small_disk / "checkpoints"
    store = CheckpointStore(checkpoints)
    arrays = {"weight": np.ones(MEGABYTE // 4, np.float32)}
    store.save(1, arrays, {}, best=True)
    for room in range(7 * MEGABYTE // 8, 0, -MEGABYTE // 8):
        disk = os.statvfs(small_disk)
        filling = small_disk / "filling"
        filling.write_bytes(bytes(disk.f_bavail * disk.f_frsize - room))
        with pytest.raises(StorageError, match="No space left on device"):
            store.save(2, arrays, {})
        assert step_names(checkpoints) == {"step-0000000001"}
        trust_cases.add()
        filling.unlink()
    store.save(3, arrays, {})
    assert newest_of(store).step == 3
    np.testing.assert_array_equal(newest_of(store).arrays["weight"], arrays["weight"])
