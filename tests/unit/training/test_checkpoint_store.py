import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from nextword.errors import CheckpointError
from nextword.training.checkpoint_store import JSON, CheckpointStore
from support.checkpoint_stores import best_of, filled_store, named, newest_of, save, step_names

Array = np.ndarray[Any, Any]


def test_an_empty_or_absent_store_has_no_checkpoint(tmp_path: Path) -> None:
    for root in (tmp_path, tmp_path / "absent"):
        said: list[str] = []
        store = CheckpointStore(root, said.append)
        assert store.newest() is None
        assert store.best() is None
        assert said == []
    assert not (tmp_path / "absent").exists()


def test_a_new_process_finds_the_newest_and_the_best(tmp_path: Path) -> None:
    filled_store(tmp_path)
    store = CheckpointStore(tmp_path)
    newest, best = newest_of(store), best_of(store)
    assert (newest.step, newest.best_step, best.step) == (3, 1, 1)
    assert newest.state == {"epoch": 3, "best_loss": None}


def test_the_newest_is_the_highest_step_not_the_latest_time(tmp_path: Path) -> None:
    filled_store(tmp_path)
    for age, name in enumerate(sorted(step_names(tmp_path), reverse=True)):
        os.utime(tmp_path / name, (10**9 + age, 10**9 + age))
    newest = newest_of(CheckpointStore(tmp_path))
    assert newest.step == 3


def test_only_the_newest_and_the_best_are_kept(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    for step in range(1, 8):
        save(store, step, best=step == 2)
    assert step_names(tmp_path) == named(2, 6, 7)


def test_the_best_of_each_kept_checkpoint_is_kept(tmp_path: Path) -> None:
    store = filled_store(tmp_path)
    save(store, 4, best=True)
    assert step_names(tmp_path) == named(1, 3, 4)  # should 4 be lost, 3 still knows 1
    save(store, 5)
    assert step_names(tmp_path) == named(4, 5)


def test_a_reopened_store_prunes_the_same_checkpoints(tmp_path: Path) -> None:
    filled_store(tmp_path)
    save(CheckpointStore(tmp_path), 4)
    assert step_names(tmp_path) == named(1, 3, 4)
    best = best_of(CheckpointStore(tmp_path))
    assert best.step == 1


def test_a_step_before_the_newest_is_refused(tmp_path: Path) -> None:
    filled_store(tmp_path)
    with pytest.raises(CheckpointError, match="`step` must be at least 3, the newest"):
        save(CheckpointStore(tmp_path), 2)


@pytest.mark.parametrize("step", [-1, 10**10])
def test_a_step_out_of_range_is_refused(tmp_path: Path, step: int) -> None:
    with pytest.raises(CheckpointError, match="must be between 0 and 9999999999"):
        CheckpointStore(tmp_path).save(step, {}, {})


def test_the_same_step_is_replaced(tmp_path: Path) -> None:
    store = filled_store(tmp_path)
    store.save(3, {}, {"epoch": 33})
    newest = newest_of(CheckpointStore(tmp_path))
    assert newest.state == {"epoch": 33}
    assert newest.best_step == 1


dtypes = st.sampled_from([*"?bhilBHILefd", ">f4", ">i8"]).map(np.dtype)


@settings(deadline=None, max_examples=60)
@given(
    st.dictionaries(
        st.text(min_size=1).filter(lambda name: name != "__metadata__"),
        arrays_of.arrays(dtypes, arrays_of.array_shapes(min_dims=0, min_side=0)),
        max_size=3,
    ),
    st.booleans(),
)
def test_arrays_are_restored_exactly(
    tmp_path_factory: pytest.TempPathFactory, arrays: dict[str, Array], turned: bool
) -> None:
    arrays = {name: array.T[..., ::2] if turned and array.ndim else array for name, array in arrays.items()}
    store = CheckpointStore(tmp_path_factory.mktemp("arrays"))
    store.save(0, arrays, {})
    newest = newest_of(store)
    assert newest.arrays.keys() == arrays.keys()
    for name, array in arrays.items():
        assert newest.arrays[name].dtype == array.dtype.newbyteorder("=")
        assert newest.arrays[name].shape == array.shape
        assert newest.arrays[name].tobytes() == array.astype(array.dtype.newbyteorder("=")).tobytes()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(st.text(), json_values))
def test_state_is_restored_exactly(tmp_path_factory: pytest.TempPathFactory, state: dict[str, JSON]) -> None:
    store = CheckpointStore(tmp_path_factory.mktemp("state"))
    store.save(0, {}, state)
    newest = newest_of(store)
    assert repr(newest.state) == repr(state)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), (1, 2), {1: "a"}, b"bytes", np.float32(1), {1, 2}])
def test_state_that_json_would_change_is_refused(tmp_path: Path, value: Any) -> None:
    with pytest.raises(CheckpointError, match="`history` must be a value that JSON stores exactly"):
        CheckpointStore(tmp_path).save(0, {}, {"history": value})
    assert step_names(tmp_path) == set()


@pytest.mark.parametrize("dtype", ["complex64", "complex128", "datetime64[s]", "U3", "O", "longdouble"])
def test_an_array_type_that_cannot_be_stored_is_refused(tmp_path: Path, dtype: str) -> None:
    with pytest.raises(CheckpointError, match="`a/b` must have one of the types bool, int8"):
        CheckpointStore(tmp_path).save(0, {"a/b": np.zeros(2, np.dtype(dtype))}, {})


def test_an_array_must_not_be_named_like_the_metadata(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="must not be named `__metadata__`"):
        CheckpointStore(tmp_path).save(0, {"__metadata__": np.zeros(1)}, {})


def test_the_store_needs_no_training_framework() -> None:
    check = "import nextword.training.checkpoint_store, sys; sys.exit('keras' in sys.modules or 'jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
