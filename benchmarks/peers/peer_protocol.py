"""The protocol that every peer speaks: JSON objects, one a line, asked on standard input, answered on standard output.

    harness                                  peer
    starts PROGRAM '{"model": ..., "batching": ..., "compute_dtype": ...}'
                                             builds its model, compiles, takes a few steps to warm up
                                             {"ready": {"parameters": 1, "threads": 2, "dtype": "float32", ...}}
    {"steps": 2}
                                             {"seconds": {"step": [0.1, 0.1]}, "peak_memory_bytes": 1}
    end of input
                                             ends at once

A peer that cannot run on this machine answers {"unable": "REASON"} in place of "ready", and ends.

The peers are programs, not modules of the package. They may run in another Python than nextword's, from 3.10, and then
import only this file beside them. You can try each by hand:

    echo '{"steps": 2}' | KERAS_BACKEND=jax python keras_jax.py '{"model": ...}'
"""

import json
import os
import platform
import queue
import resource
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

# Runs a number of steps, and returns the wall seconds of each, by task.
Run = Callable[[int], dict[str, list[float]]]

_WARM_UP_STEPS = 3


class UnableError(Exception):
    """The peer cannot run on this machine; the message is the reason."""


def serve(
    prepare: Callable[[dict[str, Any]], tuple[dict[str, Any], Run]],
    *,
    warm_up_steps: int = _WARM_UP_STEPS,
    memory: Callable[[], int] | None = None,
) -> None:
    """Speak the protocol until the input ends.

    Args:
        prepare: Makes, from the settings, the description of the peer and what runs its steps.
        warm_up_steps: Steps before the first that counts.
        memory: Returns the peak memory in bytes, if another process than this one counts.
    """
    answers, requests = open_answers(), open_requests()
    try:
        description, run = prepare(json.loads(sys.argv[1]))
        run(warm_up_steps)
    except UnableError as reason:
        print(json.dumps({"unable": str(reason)}), file=answers, flush=True)
        return
    print(json.dumps({"ready": description}), file=answers, flush=True)
    while True:
        seconds = run(json.loads(requests.get())["steps"])
        answer = {"seconds": seconds, "peak_memory_bytes": (memory or peak_memory_bytes)()}
        print(json.dumps(answer), file=answers, flush=True)


def described(
    parameters: int, dtype: str, versions: dict[str, str], *, threads: int | None = None, device: str = "cpu"
) -> dict[str, Any]:
    """Return the description of a peer.

    Args:
        parameters: Number of trainable scalars, 0 if nothing is trained.
        dtype: Precision of its matrix products.
        versions: Versions of the packages that decide on speed.
        threads: Number of threads that it may use; all cores by default.
        device: What it computes on.
    """
    own = {"parameters": parameters, "threads": threads or num_threads(), "dtype": dtype, "device": device}
    return {**own, "versions": {"python": platform.python_version(), **versions}}


def answer_in_turn(*tasks: Callable[[], dict[str, Any]]) -> None:
    """Run one task for each line of the input, and answer with what it returns; end at once if the input ends."""
    answers, requests = open_answers(), open_requests()
    for task in tasks:
        requests.get()
        print(json.dumps(task()), file=answers, flush=True)


def open_answers() -> TextIO:
    """Return the stream of the answers; the output of libraries is sent elsewhere, so that it cannot mix with them."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


def open_requests() -> "queue.SimpleQueue[bytes]":
    """Return the lines of the input as they come, and end the process at once if the harness has ended."""
    requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(requests,), daemon=True).start()
    return requests


def peak_memory_bytes() -> int:
    """Return the peak memory of this process."""
    status = Path("/proc/self/status")
    if status.exists():
        # `ru_maxrss` would count the memory of the program that started this one.
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # in bytes on macOS


def children_peak_memory_bytes() -> int:
    """Return the peak memory of the programs that this process has started and that have ended."""
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def num_threads() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _read(requests: "queue.SimpleQueue[bytes]") -> None:
    # Not `sys.stdin`: a thread that waits in it keeps a lock, and a program that failed could not end in peace.
    with open(0, "rb", buffering=0, closefd=False) as lines:
        for line in lines:
            requests.put(line)
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)  # with the programs that this one has started
    os._exit(0)
