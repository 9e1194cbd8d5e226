import os
import time
from pathlib import Path

from nextword.tuning.claim import Heartbeat, SilenceWatch


def touch(path: Path, nanoseconds: int) -> None:
    path.touch()
    os.utime(path, ns=(nanoseconds, nanoseconds))


def test_a_file_that_changes_is_not_silent(tmp_path: Path) -> None:
    now = [0.0]
    watch, path = SilenceWatch(60, lambda: now[0]), tmp_path / "alive"
    touch(path, 1)
    assert watch.is_silent(path) is None
    now[0] = 1000.0
    touch(path, 2)
    assert watch.is_silent(path) is False
    now[0] = 1059.0
    assert watch.is_silent(path) is None
    now[0] = 1060.0
    assert watch.is_silent(path) is True


def test_neither_clock_nor_date_of_the_file_counts(tmp_path: Path) -> None:
    """A clock that is years behind makes nobody look dead, and one that is ahead nobody alive."""
    now = [0.0]
    watch = SilenceWatch(60, lambda: now[0])
    past, future, absent = tmp_path / "past", tmp_path / "future", tmp_path / "absent"
    touch(past, 1)
    touch(future, 4 * 10**18)
    for path in (past, future, absent):
        assert watch.is_silent(path) is None
    now[0] = 61.0
    for path in (past, future, absent):
        assert watch.is_silent(path) is True


def test_a_heart_beats_until_its_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "alive"
    with Heartbeat(path, 0.001):
        before = path.stat().st_mtime_ns
        while path.stat().st_mtime_ns == before:
            time.sleep(0.001)
    path.unlink()
    time.sleep(0.01)
    assert not path.exists()


def test_a_folder_that_is_gone_stops_no_training(tmp_path: Path) -> None:
    with Heartbeat(tmp_path / "gone" / "alive", 0.001):
        time.sleep(0.005)
