"""Faults at the system calls of a process, caused by strace: it is killed there, or the call fails."""

import os
import re
import shutil
import signal
import subprocess
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

CALLS = (
    *("openat", "write", "writev", "pwrite64", "fsync", "fdatasync", "ftruncate"),
    *("mkdir", "rename", "unlink", "unlinkat", "rmdir", "link", "symlink"),
)
"""The calls that change a disk; a write to a file and the opening of one for reading are among them too."""

_NAME = re.compile(r"\d+ +(\w+)\(")
_SECONDS = 60


def strace() -> str:
    """Return strace's path; without it the test is skipped and says so."""
    found = shutil.which("strace")
    if found is None:
        pytest.skip("needs strace, which causes the faults")
    return found


@dataclass(frozen=True)
class Fault:
    """A fault at one call, such as `Fault("write", 3, "error=ENOSPC")`.

    Attributes:
        call: The system call.
        at: The number of that call, from 1.
        what: `signal=KILL`, or `error=` and a name of errno.
        lasting: Whether all later calls fail too.
    """

    call: str
    at: int
    what: str
    lasting: bool = False


@dataclass(frozen=True)
class Ended:
    """How a process ended.

    Attributes:
        exit_code: What the act returned; negative for a signal.
        log: Its system calls.
        fired: Whether the fault took effect.
    """

    exit_code: int
    log: str
    fired: bool


def changing_calls(log: str) -> list[tuple[str, int]]:
    """Return the calls of a log that change the disk, each with its number among the calls of its name."""
    counts, points = Counter[str](), []
    for line in log.splitlines():
        if called := _NAME.match(line):
            name = called[1]
            counts[name] += 1
            if name != "openat" or "O_CREAT" in line:
                points.append((name, counts[name]))
    return points


def traced(act: Callable[[], int], folder: Path, fault: Fault | None = None, calls: str = ",".join(CALLS)) -> Ended:
    """Run `act` in a child process under strace. Its value is the exit code; an exception is exit code 99.

    Args:
        act: What the child does. It must need no thread of this process.
        folder: An existing folder for the log.
        fault: The fault to cause; without one the calls are only listed.
        calls: The system calls to list, if there is no fault.
    """
    log = folder / "system-calls"
    command = [strace(), "-f", "-y", "-s", "0", "-o", str(log), f"--trace={fault.call if fault else calls}"]
    if fault:
        command.append(f"--inject={fault.call}:{fault.what}:when={fault.at}{'+' if fault.lasting else ''}")
    ready, go = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python and JAX warn of threads, which the child does not need
        child = os.fork()
    if child == 0:
        _act_when_told(act, ready, go)
    os.close(ready)
    with subprocess.Popen([*command, "-p", str(child)], stderr=subprocess.PIPE, text=True) as tracer:
        assert tracer.stderr is not None
        attached = tracer.stderr.readline()
        if "attached" not in attached:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            pytest.skip(f"needs the right to trace a process: {attached}")
        os.write(go, b"!")
        os.close(go)
        _, status = os.waitpid(child, 0)
        tracer.communicate(timeout=_SECONDS)
    text = log.read_text(encoding="utf-8", errors="replace")
    code = os.waitstatus_to_exitcode(status)
    killed = code == -signal.SIGKILL
    return Ended(code, text, killed if fault and fault.what == "signal=KILL" else "(INJECTED)" in text)


def _act_when_told(act: Callable[[], int], ready: int, go: int) -> None:
    try:
        signal.alarm(_SECONDS)
        os.close(go)
        os.read(ready, 1)
        os._exit(act())
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        os._exit(99)
