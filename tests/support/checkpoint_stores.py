"""Checkpoint stores with known arrays."""

from pathlib import Path
from typing import Any

import numpy as np

from nextword.system import sealed_directory
from nextword.training.checkpoint_store import Checkpoint, CheckpointStore

Array = np.ndarray[Any, Any]


def arrays_at(step: int) -> dict[str, Array]:
    return {"lstm_0/kernel": np.full((2, 3), step, np.float32), "seed_generator/state": np.array([step, 7], np.uint32)}


def save(store: CheckpointStore, step: int, best: bool = False) -> Path:
    return store.save(step, arrays_at(step), {"epoch": step, "best_loss": None}, best=best)


def filled_store(root: Path) -> CheckpointStore:
    """Return a store with steps 1 (the best), 2 and 3; the next step removes 2."""
    store = CheckpointStore(root)
    save(store, 1, best=True)
    save(store, 2)
    save(store, 3)
    return store


def newest_of(store: CheckpointStore) -> Checkpoint:
    newest = store.newest()
    assert newest is not None
    return newest


def best_of(store: CheckpointStore) -> Checkpoint:
    best = store.best()
    assert best is not None
    return best


def step_names(root: Path) -> set[str]:
    return {entry.name for entry in root.iterdir()}


def named(*steps: int) -> set[str]:
    return {f"step-{step:010d}" for step in steps}


def assert_whole(root: Path, steps: set[int]) -> None:
    for step in steps:
        sealed_directory.verify(root / f"step-{step:010d}")
    messages: list[str] = []
    store = CheckpointStore(root, messages.append)
    for step in steps:
        checkpoint = store._load(step)
        assert checkpoint is not None
        assert checkpoint.state == {"epoch": step, "best_loss": None}
        for name, array in arrays_at(step).items():
            np.testing.assert_array_equal(checkpoint.arrays[name], array, strict=True)
    assert messages == []
