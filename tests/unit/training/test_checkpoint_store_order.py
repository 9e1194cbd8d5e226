"""The order of the system calls, which decides what survives a power failure."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nextword.system import files
from nextword.training.checkpoint_store import CheckpointStore


class Disk:
    """The changes that a power failure could lose, updated at each call."""

    def __init__(self) -> None:
        self.unsynced: set[Path] = set()
        self.faults: list[str] = []
        self.num_renames = 0
        self._paths: dict[int, Path] = {}

    def note(self, operation: str, arguments: tuple[Any, ...], result: Any) -> None:
        match operation:
            case "open":
                self._paths[result] = Path(arguments[0])
                if arguments[1] & os.O_CREAT:
                    self._changed(Path(arguments[0]), Path(arguments[0]).parent)
            case "mkdir":
                self._changed(Path(arguments[0]), Path(arguments[0]).parent)
            case "write":
                self._changed(self._paths[arguments[0]])
            case "fsync":
                self.unsynced.discard(self._paths[arguments[0]])
            case "rename" | "replace" if not Path(arguments[1]).name.startswith("."):
                self._renamed(Path(arguments[0]), Path(arguments[1]))

    def _changed(self, *paths: Path) -> None:
        self.unsynced.update(paths)

    def _renamed(self, source: Path, target: Path) -> None:
        """Record that `source` has its final name; everything in it must already be synced."""
        self.num_renames += 1
        self.faults += [path.name for path in self.unsynced if source in (path, *path.parents)]
        self._changed(target.parent)


@contextmanager
def watched_disk() -> Iterator[Disk]:
    disk = Disk()

    def watched(operation: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            result = real(*arguments, **options)
            disk.note(operation, arguments, result)
            return result

        return call

    with pytest.MonkeyPatch.context() as monkeypatch:
        for operation in ("open", "write", "fsync", "mkdir", "rename", "replace"):
            monkeypatch.setattr(os, operation, watched(operation, getattr(os, operation)))
        yield disk


def watched_saves(root: Path) -> Disk:
    """Save a few checkpoints, the last one twice."""
    store = CheckpointStore(root)
    with watched_disk() as disk:
        for step in (1, 2, 3, 4, 4):
            store.save(step, {"weight": np.zeros(3, np.float32)}, {})
    assert disk.num_renames == 5
    return disk


def test_files_are_synced_before_the_rename_and_the_rename_before_the_return(tmp_path: Path) -> None:
    disk = watched_saves(tmp_path / "run" / "checkpoints")
    assert disk.faults == []
    assert disk.unsynced & {tmp_path, tmp_path / "run", tmp_path / "run" / "checkpoints"} == set()


def test_a_missing_file_sync_is_detected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write_new_file(path: Path, data: bytes) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
        os.write(descriptor, data)
        os.close(descriptor)

    monkeypatch.setattr(files, "write_new_file", write_new_file)
    assert {"arrays.safetensors", "state.json", "MANIFEST.json"} <= set(watched_saves(tmp_path).faults)


def test_a_missing_directory_sync_is_detected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forget(path: Path) -> None:
        assert path.is_dir()

    monkeypatch.setattr(files, "sync_directory", forget)
    disk = watched_saves(tmp_path)
    assert any(name.startswith(".tmp-") for name in disk.faults)
    assert tmp_path in disk.unsynced
