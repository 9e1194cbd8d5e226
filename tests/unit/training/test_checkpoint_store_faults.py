"""The store meets every fault at every system call; a fault that does not fire fails the test."""

import errno
import os
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nextword.errors import StorageError
from nextword.system import sealed_directory
from nextword.training.checkpoint_store import CheckpointStore
from support.checkpoint_stores import assert_whole, best_of, filled_store, named, newest_of, save, step_names
from support.slow import rest_slow
from support.trust_cases import TrustCases

OPERATIONS = ("open", "write", "fsync", "mkdir", "rename", "replace", "unlink", "rmdir")


@dataclass
class Disk:
    """The number of system calls, and whether the fault fired."""

    num_calls: int = 0
    fired: bool = False


@contextmanager
def faulty_disk(fails: Callable[[int], bool], fail: Callable[[], None]) -> Iterator[Disk]:
    """Call `fail` instead of the calls that `fails` selects; a write fails half done."""
    disk = Disk()

    def faulty(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            disk.num_calls += 1
            if fails(disk.num_calls):
                disk.fired = True
                if name == "write":
                    real(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
                fail()
            return real(*arguments, **options)

        return call

    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in OPERATIONS:
            monkeypatch.setattr(os, name, faulty(name, getattr(os, name)))
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


def check_after(root: Path, act: Act, acknowledged: bool) -> None:
    """No acknowledged checkpoint is lost, others are complete or absent, and the store still works."""
    said: list[str] = []
    store = CheckpointStore(root, said.append)
    newest, best = newest_of(store), best_of(store)
    assert (newest.step, best.step) in [(3, 1), (4, 4)]
    if acknowledged and act is not save_newest_again:
        assert newest.step == 4
    assert_whole(root, {1, 2, 3} if newest.step == 3 else {1, 3, 4})
    save(store, 5)
    assert_whole(root, {newest.step, best.step, 5})
    assert said == []
    assert all(name.startswith("step-") for name in step_names(root))


def survive_error(root: Path, act: Act, number: int, at: int, lasting: bool) -> bool:
    """Let call `at` fail, and all after it if the fault is `lasting`; return whether there was such a call."""
    store = filled_store(root)
    refusal = None
    with faulty_disk(lambda call: call >= at if lasting else call == at, raising(number)) as disk:
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
            with faulty_disk(lambda call: call == at, kill):
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
    """Move the fault through all calls until it no longer fires; return the number of faults."""
    at = 1
    while survive(root / str(at), at):
        at += 1
        assert at < 1000
    return at - 1


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "lasting"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO], ids=errno.errorcode.__getitem__)
@pytest.mark.parametrize("act", ACTS)
def test_no_disk_error_loses_a_checkpoint(
    tmp_path: Path, act: Act, number: int, lasting: bool, trust_cases: TrustCases
) -> None:
    num_faults = survive_all(lambda root, at: survive_error(root, act, number, at, lasting), tmp_path)
    assert num_faults >= 20
    trust_cases.add(num_faults, num_faults)


@pytest.mark.parametrize("act", rest_slow(ACTS))
def test_no_kill_loses_a_checkpoint(tmp_path: Path, act: Act, trust_cases: TrustCases) -> None:
    num_kills = survive_all(lambda root, at: survive_kill(root, act, at), tmp_path)
    assert num_kills >= 20
    trust_cases.add(num_kills, num_kills)


def test_an_error_while_removing_an_old_checkpoint_is_only_a_warning(
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
