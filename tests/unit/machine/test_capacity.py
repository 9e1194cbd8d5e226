import pytest

from nextword.machine import capacity
from nextword.machine.capacity import parse_meminfo, parse_vm_stat, read_capacity
from nextword.machine.control_group import ControlGroup


def test_the_memory_of_linux_is_read() -> None:
    text = "MemTotal:       24684084 kB\nMemFree:  5 kB\nMemAvailable:   24391864 kB\nHugePages_Total:    0\n"
    assert parse_meminfo(text) == (24684084 * 1024, 24391864 * 1024)
    assert parse_meminfo("MemTotal: 3 kB") == (3072, None)  # Linux before 3.14


def test_the_memory_of_macos_is_read() -> None:
    text = (
        "Mach Virtual Memory Statistics: (page size of 16384 bytes)\n"
        "Pages free:                               10.\n"
        "Pages active:                            900.\n"
        "Pages inactive:                           30.\n"
    )
    assert parse_vm_stat(text) == 40 * 16384
    assert parse_vm_stat("") is None


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
