import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nextword.system import capacity
from nextword.system.capacity import (
    ControlGroup,
    parse_meminfo,
    read_capacity,
    read_control_group,
    return_freed_memory,
)

GIGABYTE = 2**30


def test_the_memory_of_linux_is_read() -> None:
    text = "MemTotal:       24684084 kB\nMemFree:  5 kB\nMemAvailable:   24391864 kB\nHugePages_Total:    0\n"
    assert parse_meminfo(text) == (24684084 * 1024, 24391864 * 1024)
    assert parse_meminfo("MemTotal: 3 kB") == (3072, None)  # Linux before 3.14


def test_this_machine_has_cores_and_memory() -> None:
    found = read_capacity()
    assert 1 <= found.cores <= found.machine_cores
    assert found.memory_bytes is None or found.available_memory_bytes is None or found.memory_bytes > 2**20


def test_the_limit_of_the_control_group_counts_where_it_is_narrower(monkeypatch: pytest.MonkeyPatch) -> None:
    group = ControlGroup(cores=0.5, memory_bytes=2000, available_memory_bytes=9000)
    monkeypatch.setattr(capacity, "read_control_group", lambda: group)
    monkeypatch.setattr(capacity, "_read_memory", lambda: (8000, 5000))
    found = read_capacity()
    assert (found.core_quota, found.memory_bytes, found.available_memory_bytes) == (0.5, 2000, 5000)


def write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(content + "\n", encoding="ascii")


def read(tmp_path: Path, membership: str) -> ControlGroup:
    (tmp_path / "membership").write_text(membership, encoding="utf-8")
    return read_control_group(tmp_path / "membership", tmp_path / "root")


def test_version_2_is_limited_by_the_narrowest_group_above(tmp_path: Path) -> None:
    root = tmp_path / "root"
    write(root / "jobs", cpu__max="150000 100000", memory__max="max")
    write(
        root / "jobs" / "mine",
        cpu__max="max 100000",
        memory__max=str(4 * GIGABYTE),
        memory__current=str(3 * GIGABYTE),
        memory__stat=f"anon 1\ninactive_file {GIGABYTE}",
    )
    assert read(tmp_path, "0::/jobs/mine\n") == ControlGroup(
        cores=1.5, memory_bytes=4 * GIGABYTE, available_memory_bytes=2 * GIGABYTE
    )


@pytest.mark.parametrize("membership", ["0::/\n", "0::/../elsewhere\n", "0::/a/path/of/the/host\n"])
def test_a_container_sees_its_group_as_the_root(tmp_path: Path, membership: str) -> None:
    write(tmp_path / "root", cpu__max="300000 100000")
    assert read(tmp_path, membership).cores == 3.0


def test_no_limit_is_none(tmp_path: Path) -> None:
    root = tmp_path / "root"
    write(root, cpu__max="max 100000", memory__max="max", memory__current="5")
    assert read(tmp_path, "0::/\n") == ControlGroup()
    assert read_control_group(tmp_path / "no-linux", root) == ControlGroup()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the allocator is not glibc's")
def test_the_memory_of_what_nobody_refers_to_is_returned() -> None:
    """Blocks below one that stays are no part of the heap's end, which malloc returns by itself."""
    cycle: list[Any] = [bytearray(2000) for _ in range(50_000)]
    last = bytearray(2000)
    cycle.append(cycle)
    del cycle
    before = _resident_bytes()
    return_freed_memory()
    assert before - _resident_bytes() > 80_000_000
    assert len(last) == 2000


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


# Sixteen threads that each keep a block: with one heap, no thread maps a heap of its own.
HEAPS = """
import threading
from pathlib import Path
from nextword.system.capacity import share_one_heap
share_one_heap()
wait, kept = threading.Barrier(17), []
def keep():
    kept.append(bytearray(5000))
    wait.wait()
threads = [threading.Thread(target=keep) for _ in range(16)]
[thread.start() for thread in threads]
wait.wait()
maps = [line.split() for line in Path("/proc/self/maps").read_text().splitlines()]
sizes = [[int(end, 16) for end in line[0].split("-")] for line in maps if len(line) == 5 and line[1] == "---p"]
print(sum(60 << 20 < end - start < 64 << 20 for start, end in sizes))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the allocator is not glibc's")
@pytest.mark.parametrize("shares", [True, False])
def test_all_threads_share_one_heap(shares: bool) -> None:
    program = HEAPS if shares else HEAPS.replace("\nshare_one_heap()\n", "\n")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (int(done.stdout) == 0) == shares
