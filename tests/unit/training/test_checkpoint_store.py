"""The store is run into every fault at every call that it makes; a fault that does not fire fails the test."""

import errno
import os
import random
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from nextword import durable, manifest, sealed_directory
from nextword.errors import CheckpointError, SettingError, StorageError
from nextword.training import checkpoint_store
from nextword.training.checkpoint_store import JSON, CheckpointStore, RunLock

Array = np.ndarray[Any, Any]
OPERATIONS = ("open", "write", "fsync", "mkdir", "rename", "replace", "unlink", "rmdir")


def arrays_at(step: int) -> dict[str, Array]:
    return {"lstm_0/kernel": np.full((2, 3), step, np.float32), "seed_generator/state": np.array([step, 7], np.uint32)}


def save(store: CheckpointStore, step: int, best: bool = False) -> Path:
    return store.save(step, arrays_at(step), {"epoch": step, "best_loss": None}, best=best)


def filled_store(root: Path) -> CheckpointStore:
    """Steps 1 (the best), 2 and 3, so that the next step removes 2."""
    store = CheckpointStore(root)
    save(store, 1, best=True)
    save(store, 2)
    save(store, 3)
    return store


def step_names(root: Path) -> set[str]:
    return {entry.name for entry in root.iterdir()}


def named(*steps: int) -> set[str]:
    return {f"step-{step:010d}" for step in steps}


def assert_whole(root: Path, steps: set[int]) -> None:
    for step in steps:
        sealed_directory.verify(root / f"step-{step:010d}")
    store = CheckpointStore(root)
    for step in steps:
        checkpoint = store._load(step)
        assert checkpoint is not None
        assert checkpoint.state == {"epoch": step, "best_loss": None}
        for name, array in arrays_at(step).items():
            np.testing.assert_array_equal(checkpoint.arrays[name], array, strict=True)
    assert store.damaged == []


# What the store promises while nothing goes wrong.


def test_an_empty_or_absent_store_has_no_checkpoint(tmp_path: Path) -> None:
    for root in (tmp_path, tmp_path / "absent"):
        store = CheckpointStore(root)
        assert store.newest() is None
        assert store.best() is None
        assert store.damaged == store.ignored == []
    assert not (tmp_path / "absent").exists()


def test_the_newest_and_the_best_are_found_by_a_new_process(tmp_path: Path) -> None:
    filled_store(tmp_path)
    store = CheckpointStore(tmp_path)
    newest, best = store.newest(), store.best()
    assert newest is not None
    assert best is not None
    assert (newest.step, newest.best_step, best.step) == (3, 1, 1)
    assert newest.state == {"epoch": 3, "best_loss": None}


def test_the_newest_is_so_by_step_whatever_the_clock_said(tmp_path: Path) -> None:
    filled_store(tmp_path)
    for age, name in enumerate(sorted(step_names(tmp_path), reverse=True)):
        os.utime(tmp_path / name, (10**9 + age, 10**9 + age))
    newest = CheckpointStore(tmp_path).newest()
    assert newest is not None
    assert newest.step == 3


def test_the_newest_and_the_best_are_kept_and_no_more(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, keep=2)
    for step in range(1, 8):
        save(store, step, best=step == 2)
    assert step_names(tmp_path) == named(2, 6, 7)


def test_the_best_that_any_kept_one_names_is_kept(tmp_path: Path) -> None:
    store = filled_store(tmp_path)
    save(store, 4, best=True)
    assert step_names(tmp_path) == named(1, 3, 4)  # should 4 be lost, 3 still knows 1
    save(store, 5)
    assert step_names(tmp_path) == named(4, 5)


def test_a_resumed_store_prunes_as_the_first_one_would(tmp_path: Path) -> None:
    filled_store(tmp_path)
    save(CheckpointStore(tmp_path), 4)
    assert step_names(tmp_path) == named(1, 3, 4)
    best = CheckpointStore(tmp_path).best()
    assert best is not None
    assert best.step == 1


def test_keeping_fewer_than_two_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="`keep` must be at least 2, but is 1"):
        CheckpointStore(tmp_path, keep=1)


def test_a_step_before_the_newest_is_refused(tmp_path: Path) -> None:
    filled_store(tmp_path)
    with pytest.raises(CheckpointError, match="`step` must be at least 3, the newest"):
        save(CheckpointStore(tmp_path), 2)


@pytest.mark.parametrize("step", [-1, 10**10])
def test_a_step_out_of_range_is_refused(tmp_path: Path, step: int) -> None:
    with pytest.raises(CheckpointError, match="at most 10 digits"):
        CheckpointStore(tmp_path).save(step, {}, {})


def test_the_same_step_is_replaced(tmp_path: Path) -> None:
    store = filled_store(tmp_path)
    store.save(3, {}, {"epoch": 33})
    newest = CheckpointStore(tmp_path).newest()
    assert newest is not None
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
def test_arrays_come_back_bit_for_bit(
    tmp_path_factory: pytest.TempPathFactory, arrays: dict[str, Array], turned: bool
) -> None:
    arrays = {name: array.T[..., ::2] if turned and array.ndim else array for name, array in arrays.items()}
    store = CheckpointStore(tmp_path_factory.mktemp("arrays"))
    store.save(0, arrays, {})
    newest = store.newest()
    assert newest is not None
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
def test_state_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, state: dict[str, JSON]) -> None:
    store = CheckpointStore(tmp_path_factory.mktemp("state"))
    store.save(0, {}, state)
    newest = store.newest()
    assert newest is not None
    assert repr(newest.state) == repr(state)


def test_the_state_of_a_random_generator_comes_back(tmp_path: Path) -> None:
    state: Any = np.random.default_rng(1).bit_generator.state
    store = CheckpointStore(tmp_path)
    store.save(0, {}, state)
    newest = store.newest()
    assert newest is not None
    assert newest.state == state


@pytest.mark.parametrize("value", [float("nan"), float("inf"), (1, 2), {1: "a"}, b"bytes", np.float32(1), {1, 2}])
def test_state_that_json_would_change_is_refused(tmp_path: Path, value: Any) -> None:
    with pytest.raises(CheckpointError, match="`history` must be the same when read back from JSON"):
        CheckpointStore(tmp_path).save(0, {}, {"history": value})
    assert step_names(tmp_path) == set()


@pytest.mark.parametrize("dtype", ["complex64", "complex128", "datetime64[s]", "U3", "O", "longdouble"])
def test_an_array_type_that_cannot_be_stored_is_refused(tmp_path: Path, dtype: str) -> None:
    with pytest.raises(CheckpointError, match="`a/b` must be of a type among bool, int8"):
        CheckpointStore(tmp_path).save(0, {"a/b": np.zeros(2, np.dtype(dtype))}, {})


def test_an_array_must_not_be_named_like_the_metadata(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="must not be named `__metadata__`"):
        CheckpointStore(tmp_path).save(0, {"__metadata__": np.zeros(1)}, {})


# Faults at every call.


@dataclass
class Disk:
    """What was asked of the operating system, and whether the fault fired."""

    calls: list[tuple[str, tuple[Any, ...], dict[str, Any], Any]] = field(default_factory=list)
    num_calls: int = 0
    fired: bool = False


@contextmanager
def watched_disk(fails: Callable[[int], bool], fail: Callable[[], None]) -> Iterator[Disk]:
    """Record the calls, and call `fail` in place of those whose number `fails` names; a write fails half done."""
    disk = Disk()

    def watched(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            disk.num_calls += 1
            if fails(disk.num_calls):
                disk.fired = True
                if name == "write":
                    real(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
                fail()
            result = real(*arguments, **options)
            disk.calls.append((name, arguments, options, result))
            return result

        return call

    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in OPERATIONS:
            monkeypatch.setattr(os, name, watched(name, getattr(os, name)))
        yield disk


def raising(number: int) -> Callable[[], None]:
    def fail() -> None:
        raise OSError(number, os.strerror(number))

    return fail


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


Act = Callable[[CheckpointStore], object]


def save_next(store: CheckpointStore) -> object:
    return save(store, 4, best=True)


def save_newest_again(store: CheckpointStore) -> object:
    return save(store, 3)


def resume_and_save_next(store: CheckpointStore) -> object:
    return save(CheckpointStore(store.root), 4, best=True)


ACTS = [save_next, save_newest_again, resume_and_save_next]


def save_in_place(store: CheckpointStore) -> object:
    """A mutant that opens the files under their final name, as Keras does."""
    path = store.root / f"step-{3:010d}"
    state = checkpoint_store._encode_state(3, 1, {"epoch": 3, "best_loss": None})
    files = {"arrays.safetensors": checkpoint_store._encode_arrays(arrays_at(3)), "state.json": state}
    files["MANIFEST.json"] = manifest.encode({name: manifest.seal_of(data) for name, data in files.items()})
    with durable.disk_errors(path, "written"):
        for name, data in files.items():
            descriptor = os.open(path / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.write(descriptor, data)
            os.close(descriptor)
    return path


def check_after(root: Path, act: Act, acknowledged: bool) -> None:
    """Nothing that was acknowledged is lost, and the store goes on."""
    is_next = act in (save_next, resume_and_save_next)
    assert_whole(root, {1, 3, 4} if is_next and acknowledged else {1, 3})
    store = CheckpointStore(root)
    newest, best = store.newest(), store.best()
    assert newest is not None
    assert best is not None
    assert newest.step == best.best_step if newest.step == 4 else (newest.step, best.step) == (3, 1)
    assert newest.step == 4 or not (is_next and acknowledged)
    if not acknowledged and newest.step == 3:
        assert_whole(root, {2})
    save(store, 5)
    assert_whole(root, {newest.step, best.step, 5})
    assert store.damaged == store.ignored == []
    assert all(name.startswith("step-") for name in step_names(root))


def survive_error(root: Path, act: Act, number: int, at: int, lasting: bool) -> bool:
    """Let call `at` fail, and all after it where the fault is `lasting`; return whether there was such a call."""
    store = filled_store(root)
    refusal = None
    with watched_disk(lambda call: call >= at if lasting else call == at, raising(number)) as disk:
        try:
            act(store)
        except StorageError as error:
            refusal = str(error)
    if refusal is not None:
        assert disk.fired
        assert os.strerror(number) in refusal
        assert lasting or step_names(root) == named(1, 2, 3)
    check_after(root, act, acknowledged=refusal is None)
    return disk.fired


def survive_kill(root: Path, act: Act, at: int) -> bool:
    """Let the process die at call `at`; return whether there was such a call."""
    store = filled_store(root)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python and JAX warn of threads, which the child neither has nor starts
        child = os.fork()
    if child == 0:
        try:
            with watched_disk(lambda call: call == at, kill):
                act(store)
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    assert killed or os.waitstatus_to_exitcode(status) == 0
    check_after(root, act, acknowledged=not killed)
    return killed


def survive_all(survive: Callable[[Path, int], bool], root: Path) -> int:
    """Move the fault through all calls until it no longer fires; return how many times it did."""
    at = 1
    while survive(root / str(at), at):
        at += 1
        assert at < 1000
    return at - 1


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "lasting"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO], ids=errno.errorcode.__getitem__)
@pytest.mark.parametrize("act", ACTS)
def test_no_error_of_the_disk_loses_a_checkpoint(tmp_path: Path, act: Act, number: int, lasting: bool) -> None:
    num_faults = survive_all(lambda root, at: survive_error(root, act, number, at, lasting), tmp_path)
    assert num_faults >= 20


@pytest.mark.parametrize("act", ACTS)
def test_no_kill_loses_a_checkpoint(tmp_path: Path, act: Act) -> None:
    assert survive_all(lambda root, at: survive_kill(root, act, at), tmp_path) >= 20


def test_a_writer_in_place_is_caught_by_the_errors(tmp_path: Path) -> None:
    with pytest.raises((AssertionError, StorageError)):
        survive_all(lambda root, at: survive_error(root, save_in_place, errno.ENOSPC, at, False), tmp_path)


def test_a_writer_in_place_is_caught_by_the_kills(tmp_path: Path) -> None:
    with pytest.raises((AssertionError, StorageError)):
        survive_all(lambda root, at: survive_kill(root, save_in_place, at), tmp_path)


def test_a_fault_in_the_removal_of_an_old_one_is_said_and_does_not_stop_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    filled_store(tmp_path)
    store = CheckpointStore(tmp_path, warn=said.append)

    def refuse(path: Path) -> None:
        raise StorageError(f"`{path.name}` could not be removed")

    monkeypatch.setattr(sealed_directory, "remove", refuse)
    save(store, 4)
    assert said == ["`step-0000000002` could not be removed"]
    assert_whole(tmp_path, {1, 2, 3, 4})


# The order of the calls, which is what a power failure tests.


def order_faults(root: Path, disk: Disk) -> list[str]:
    """Return what a power failure could take back, by the order of the calls alone."""
    paths: dict[int, Path] = {}
    unsynced: set[Path] = set()
    faults: list[str] = []
    for name, arguments, options, result in disk.calls:
        if name == "open":
            paths[result] = Path(paths[options["dir_fd"]] if options.get("dir_fd") is not None else "", arguments[0])
            if arguments[1] & os.O_CREAT:
                unsynced |= {paths[result], paths[result].parent}
        elif name == "write":
            unsynced.add(paths[arguments[0]])
        elif name == "fsync":
            unsynced.discard(paths[arguments[0]])
        elif name == "mkdir":
            unsynced |= {Path(arguments[0]), Path(arguments[0]).parent}
        elif name in ("rename", "replace") and not Path(arguments[1]).name.startswith("."):
            source, target = Path(arguments[0]), Path(arguments[1])
            faults += [f"{path.name} before {name}" for path in unsynced if path == source or source in path.parents]
            unsynced.add(target.parent)
    return faults + [f"{path.name} at the end" for path in unsynced if path == root]


def traced_faults(root: Path, act: Act) -> list[str]:
    store = filled_store(root)
    with watched_disk(lambda call: call < 0, lambda: None) as disk:
        act(store)
    assert {"open", "write", "fsync", "mkdir", "rename"} <= {call[0] for call in disk.calls}
    return order_faults(root, disk)


def forget(*arguments: object) -> None:
    pass


@pytest.mark.parametrize("act", ACTS)
def test_all_is_synced_before_the_name_and_the_name_before_the_return(tmp_path: Path, act: Act) -> None:
    assert traced_faults(tmp_path, act) == []


def test_a_file_that_is_not_synced_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write_new_file(path: Path, data: bytes) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
        os.write(descriptor, data)
        os.close(descriptor)

    monkeypatch.setattr(sealed_directory, "write_new_file", write_new_file)
    faults = traced_faults(tmp_path, save_next)
    assert {"arrays.safetensors before rename", "state.json before rename", "MANIFEST.json before rename"} <= set(
        faults
    )


def test_a_directory_that_is_not_synced_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed_directory, "sync_directory", forget)
    faults = traced_faults(tmp_path, save_next)
    assert any(fault.startswith(".tmp-") for fault in faults)
    assert f"{tmp_path.name} at the end" in faults


# Damage, and what does not belong there.


def assert_falls_back(root: Path, name: str) -> None:
    said: list[str] = []
    store = CheckpointStore(root, warn=said.append)
    newest, best = store.newest(), store.best()
    assert newest is not None
    assert best is not None
    assert (newest.step, best.step) == (2, 1)
    assert len(store.damaged) == 1
    assert "step-0000000003` is damaged" in store.damaged[0] or name == "MANIFEST.json"
    assert f"`{name}`" in store.damaged[0] or name == "MANIFEST.json"
    assert said == [f"{store.damaged[0]}; it is passed over"]


@pytest.mark.parametrize("name", ["arrays.safetensors", "state.json", "MANIFEST.json"])
def test_a_damaged_file_is_found_and_the_one_before_is_taken(tmp_path: Path, name: str) -> None:
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
def test_a_flipped_bit_is_found_and_the_one_before_is_taken(tmp_path: Path, name: str) -> None:
    filled_store(tmp_path)
    file = tmp_path / f"step-{3:010d}" / name
    whole = file.read_bytes()
    bits = random.Random(1)
    for _ in range(64):
        data = bytearray(whole)
        data[bits.randrange(len(data))] ^= 1 << bits.randrange(8)
        file.write_bytes(data)
        assert_falls_back(tmp_path, name)


def test_when_all_are_damaged_there_is_none_and_each_is_named(tmp_path: Path) -> None:
    filled_store(tmp_path)
    for name in step_names(tmp_path):
        (tmp_path / name / "state.json").write_bytes(b"")
    store = CheckpointStore(tmp_path)
    assert store.newest() is None
    assert store.best() is None
    assert len(store.damaged) == 3


def test_a_damaged_best_is_named(tmp_path: Path) -> None:
    filled_store(tmp_path)
    (tmp_path / f"step-{1:010d}" / "state.json").write_bytes(b"")
    store = CheckpointStore(tmp_path)
    assert store.best() is None
    assert "step-0000000001` is damaged" in store.damaged[0]


def test_damaged_ones_do_not_count_among_those_kept(tmp_path: Path) -> None:
    filled_store(tmp_path)
    (tmp_path / f"step-{3:010d}" / "state.json").write_bytes(b"")
    save(CheckpointStore(tmp_path), 4)
    assert step_names(tmp_path) == named(1, 2, 3, 4)
    assert_whole(tmp_path, {1, 2, 4})


def test_a_damaged_newest_is_replaced_when_the_run_comes_by_again(tmp_path: Path) -> None:
    filled_store(tmp_path)
    (tmp_path / f"step-{3:010d}" / "MANIFEST.json").unlink()
    save(CheckpointStore(tmp_path), 3)
    assert_whole(tmp_path, {1, 2, 3})


def test_a_sealed_directory_that_is_no_checkpoint_is_passed_over(tmp_path: Path) -> None:
    filled_store(tmp_path)
    strangers: list[dict[str, bytes]] = [
        {},
        {"state.json": b"{}", "arrays.safetensors": b""},
        {"state.json": b"[]", "arrays.safetensors": b""},
        {"state.json": b'{"format": 2, "step": 9, "best_step": null, "state": {}}', "arrays.safetensors": b""},
        {"state.json": b'{"format": 1, "step": 8, "best_step": null, "state": {}}', "arrays.safetensors": b""},
        {"state.json": b'{"format": 1, "step": 9, "best_step": null, "state": {}}', "arrays.safetensors": b"\xff" * 9},
    ]
    for files in strangers:
        sealed_directory.write(tmp_path / f"step-{9:010d}", files, replace=True)
        store = CheckpointStore(tmp_path)
        newest = store.newest()
        assert newest is not None
        assert newest.step == 3
        assert "step-0000000009` must be" in store.damaged[0]


def test_stray_entries_are_ignored_and_named(tmp_path: Path) -> None:
    filled_store(tmp_path)
    strays = ["step-abc", "step-5", "step-00000000055", "STEP-0000000009", ".DS_Store", "notes.txt", "step-0000000009 "]
    for name in strays:
        (tmp_path / name).mkdir() if "step" in name else (tmp_path / name).write_bytes(b"")
    said: list[str] = []
    store = CheckpointStore(tmp_path, warn=said.append)
    save(store, 4)
    newest = store.newest()
    assert newest is not None
    assert newest.step == 4
    assert sorted(store.ignored) == sorted(strays)
    assert len(said) == len(strays)
    assert step_names(tmp_path) == named(1, 3, 4) | set(strays)


@pytest.mark.parametrize("kind", ["file", "link", "loop"])
def test_a_file_or_a_link_with_the_name_of_a_checkpoint_is_refused(tmp_path: Path, kind: str) -> None:
    filled_store(tmp_path)
    stray = tmp_path / f"step-{9:010d}"
    if kind == "file":
        stray.write_bytes(b"")
    else:
        stray.symlink_to(stray.name if kind == "loop" else f"step-{3:010d}")
    store = CheckpointStore(tmp_path)
    newest = store.newest()
    assert newest is not None
    assert newest.step == 3
    assert "step-0000000009` must be a directory" in store.damaged[0]


def test_a_checkpoint_set_aside_is_read_without_touching_it(tmp_path: Path) -> None:
    filled_store(tmp_path)
    (tmp_path / f"step-{3:010d}").rename(tmp_path / f".aside-step-{3:010d}")
    before = step_names(tmp_path)
    newest = CheckpointStore(tmp_path).newest()
    assert newest is not None
    assert newest.step == 3
    assert step_names(tmp_path) == before


# The lock.

HOLDER = """
import sys, time
from pathlib import Path
from nextword.training.checkpoint_store import RunLock
with RunLock(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path / "run"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"locked\n"
    yield process
    process.kill()
    process.communicate()


def test_the_second_writer_is_told_who_the_first_is(tmp_path: Path, holder: subprocess.Popen[bytes]) -> None:
    with (
        pytest.raises(CheckpointError, match=rf"run` is in use by process {holder.pid}; wait"),
        RunLock(tmp_path / "run"),
    ):
        pass


def test_the_lock_dies_with_its_owner(tmp_path: Path, holder: subprocess.Popen[bytes]) -> None:
    holder.kill()
    holder.wait()
    with RunLock(tmp_path / "run"):
        assert int((tmp_path / "run" / ".lock-owner").read_text(encoding="utf-8")) == os.getpid()


def test_a_lock_let_go_can_be_taken_again(tmp_path: Path) -> None:
    lock = RunLock(tmp_path / "new" / "run")
    for _ in range(2):
        with lock:
            pass


@pytest.mark.parametrize("content", [b"", b"\xff", b"not a number", None])
def test_an_owner_that_cannot_be_read_is_not_named(tmp_path: Path, content: bytes | None) -> None:
    with RunLock(tmp_path):
        (tmp_path / ".lock-owner").unlink()
        if content is not None:
            (tmp_path / ".lock-owner").write_bytes(content)
        with pytest.raises(CheckpointError, match="in use by another process"), RunLock(tmp_path):
            pass


def test_a_lock_that_cannot_be_taken_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="could not be locked"), RunLock(tmp_path / "file" / "run"):
        pass


def test_the_lock_and_the_store_may_share_a_directory(tmp_path: Path) -> None:
    with RunLock(tmp_path):
        filled_store(tmp_path)
        store = CheckpointStore(tmp_path)
        assert store.newest() is not None
        assert store.ignored == []


def test_the_store_needs_no_training_framework() -> None:
    check = "import nextword.training.checkpoint_store, sys; sys.exit('keras' in sys.modules or 'jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
