from pathlib import Path

import pytest

from nextword.machine.control_group import ControlGroup, read_control_group

GIGABYTE = 2**30


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


def test_version_1_has_a_folder_for_each_controller(tmp_path: Path) -> None:
    root = tmp_path / "root"
    write(root / "cpu" / "mine", cpu__cfs_quota_us="50000", cpu__cfs_period_us="100000")
    write(
        root / "memory" / "mine",
        memory__limit_in_bytes=str(2 * GIGABYTE),
        memory__usage_in_bytes=str(GIGABYTE),
        memory__stat="inactive_file 5\ntotal_inactive_file 7",
    )
    assert read(tmp_path, "4:memory:/mine\n3:cpu,cpuacct:/mine\n1:name=systemd:/\n") == ControlGroup(
        cores=0.5, memory_bytes=2 * GIGABYTE, available_memory_bytes=GIGABYTE + 7
    )


@pytest.mark.parametrize("membership", ["0::/\n", "0::/../elsewhere\n", "0::/a/path/of/the/host\n"])
def test_a_container_sees_its_group_as_the_root(tmp_path: Path, membership: str) -> None:
    write(tmp_path / "root", cpu__max="300000 100000")
    assert read(tmp_path, membership).cores == 3.0


def test_no_limit_is_none(tmp_path: Path) -> None:
    root = tmp_path / "root"
    write(root / "cpu", cpu__cfs_quota_us="-1", cpu__cfs_period_us="100000")
    write(root / "memory", memory__limit_in_bytes="9223372036854771712", memory__usage_in_bytes="5")
    assert read(tmp_path, "2:cpu:/\n1:memory:/\n0::/\n") == ControlGroup()
    assert read_control_group(tmp_path / "no-linux", root) == ControlGroup()
