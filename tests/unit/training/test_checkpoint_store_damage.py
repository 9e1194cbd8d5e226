"""Damaged checkpoints are skipped, and other files are ignored."""

import random
from pathlib import Path

import pytest

from nextword.system import sealed_directory
from nextword.training.checkpoint_store import CheckpointStore
from support.checkpoint_stores import assert_whole, best_of, filled_store, named, newest_of, save, step_names
from support.trust_cases import TrustCases

NO_ARRAYS = (2).to_bytes(8, "little") + b"{}"


def assert_falls_back(root: Path, name: str) -> None:
    said: list[str] = []
    store = CheckpointStore(root, warn=said.append)
    newest, best = newest_of(store), best_of(store)
    assert (newest.step, best.step) == (2, 1)
    assert len(said) == 1
    assert "step-0000000003` is damaged" in said[0] or name == "MANIFEST.json"
    assert f"`{name}`" in said[0] or name == "MANIFEST.json"
    assert said[0].endswith("; it is skipped")


@pytest.mark.parametrize("name", ["arrays.safetensors", "state.json", "MANIFEST.json"])
def test_a_damaged_checkpoint_is_skipped_for_the_one_before(tmp_path: Path, name: str) -> None:
    filled_store(tmp_path)
    file = tmp_path / f"step-{3:010d}" / name
    whole = file.read_bytes()
    for length in (0, 1, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:length])
        assert_falls_back(tmp_path, name)
    file.write_bytes(whole + b"\0")
    assert_falls_back(tmp_path, name)
    file.unlink()
    assert_falls_back(tmp_path, name)


@pytest.mark.parametrize("name", ["arrays.safetensors", "state.json", "MANIFEST.json"])
def test_a_checkpoint_with_a_flipped_bit_is_skipped_for_the_one_before(
    tmp_path: Path, name: str, trust_cases: TrustCases
) -> None:
    filled_store(tmp_path)
    file = tmp_path / f"step-{3:010d}" / name
    whole = file.read_bytes()
    bits = random.Random(1)
    for _ in range(64):
        data = bytearray(whole)
        data[bits.randrange(len(data))] ^= 1 << bits.randrange(8)
        file.write_bytes(data)
        assert_falls_back(tmp_path, name)
        trust_cases.add()


def test_if_all_are_damaged_each_is_reported(tmp_path: Path) -> None:
    filled_store(tmp_path)
    for name in step_names(tmp_path):
        (tmp_path / name / "state.json").write_bytes(b"")
    said: list[str] = []
    store = CheckpointStore(tmp_path, said.append)
    assert store.newest() is None
    assert store.best() is None
    assert len(said) == 3


def test_a_damaged_best_checkpoint_is_reported(tmp_path: Path) -> None:
    filled_store(tmp_path)
    (tmp_path / f"step-{1:010d}" / "state.json").write_bytes(b"")
    said: list[str] = []
    assert CheckpointStore(tmp_path, said.append).best() is None
    assert "step-0000000001` is damaged" in said[0]


def test_damaged_checkpoints_do_not_count_as_kept(tmp_path: Path) -> None:
    filled_store(tmp_path)
    (tmp_path / f"step-{3:010d}" / "state.json").write_bytes(b"")
    save(CheckpointStore(tmp_path), 4)
    assert step_names(tmp_path) == named(1, 2, 3, 4)
    assert_whole(tmp_path, {1, 2, 4})


def test_a_damaged_newest_checkpoint_is_overwritten_by_the_resumed_run(tmp_path: Path) -> None:
    filled_store(tmp_path)
    (tmp_path / f"step-{3:010d}" / "MANIFEST.json").unlink()
    save(CheckpointStore(tmp_path), 3)
    assert_whole(tmp_path, {1, 2, 3})


def test_a_sealed_directory_that_is_not_a_checkpoint_is_skipped(tmp_path: Path) -> None:
    filled_store(tmp_path)
    strangers: list[dict[str, bytes]] = [
        {},
        {"state.json": b"{}", "arrays.safetensors": b""},
        {"state.json": b"[]", "arrays.safetensors": b""},
        {"state.json": b'{"format": 2, "step": 9, "best_step": null, "state": {}}', "arrays.safetensors": b""},
        {"state.json": b'{"format": 1, "step": 8, "best_step": null, "state": {}}', "arrays.safetensors": b""},
        {"state.json": b'{"format": 1, "step": 9, "best_step": null, "state": {}}', "arrays.safetensors": b"\xff" * 9},
        {"state.json": b'{"format": 1, "step": 9, "best_step": "1", "state": {}}', "arrays.safetensors": NO_ARRAYS},
        {"state.json": b'{"format": 1, "step": 9, "best_step": null, "state": []}', "arrays.safetensors": NO_ARRAYS},
    ]
    for files in strangers:
        sealed_directory.write(tmp_path / f"step-{9:010d}", files, replace=True)
        said: list[str] = []
        newest = newest_of(CheckpointStore(tmp_path, said.append))
        assert newest.step == 3
        assert "step-0000000009` must " in said[0]


def test_stray_files_are_ignored_and_reported(tmp_path: Path, trust_cases: TrustCases) -> None:
    filled_store(tmp_path)
    strays = ["step-abc", "step-5", "step-00000000055", "STEP-0000000009", ".DS_Store", "notes.txt", "step-0000000009 "]
    for name in strays:
        (tmp_path / name).mkdir() if "step" in name else (tmp_path / name).write_bytes(b"")
    said: list[str] = []
    store = CheckpointStore(tmp_path, warn=said.append)
    save(store, 4)
    newest = newest_of(store)
    assert newest.step == 4
    assert sorted(said) == sorted(f"`{tmp_path / name}` is not a checkpoint and is ignored" for name in strays)
    assert step_names(tmp_path) == named(1, 3, 4) | set(strays)
    trust_cases.add(len(strays), len(strays))


@pytest.mark.parametrize("kind", ["file", "link", "loop"])
def test_a_file_or_a_link_with_the_name_of_a_checkpoint_is_refused(tmp_path: Path, kind: str) -> None:
    filled_store(tmp_path)
    stray = tmp_path / f"step-{9:010d}"
    if kind == "file":
        stray.write_bytes(b"")
    else:
        stray.symlink_to(stray.name if kind == "loop" else f"step-{3:010d}")
    said: list[str] = []
    newest = newest_of(CheckpointStore(tmp_path, said.append))
    assert newest.step == 3
    assert "step-0000000009` must be a directory" in said[0]


def test_a_copied_checkpoint_is_read_without_changing_it(tmp_path: Path) -> None:
    filled_store(tmp_path)
    (tmp_path / f"step-{3:010d}").rename(tmp_path / f".aside-step-{3:010d}")
    before = step_names(tmp_path)
    newest = newest_of(CheckpointStore(tmp_path))
    assert newest.step == 3
    assert step_names(tmp_path) == before
