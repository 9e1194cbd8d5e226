"""Runs the tasks of a text in several processes."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Self

from nextword.errors import NextwordError, SettingError, StorageError
from nextword.machine.capacity import read_capacity
from nextword.text.encoding.cut_shard import ShardTask
from nextword.text.encoding.worker import encoded, raise_failure
from nextword.text.reading.progress import Task

PROCESSES = "NEXTWORD_TEXT_PROCESSES"
"""The variable that sets how many processes read a large text."""

_MODULE = "nextword.text.encoding.worker"


def run_tasks(tasks: Sequence[ShardTask], *, ahead: Sequence[ShardTask] = (), processes: int | None = None) -> None:
    """Run tasks, in this process if there is only one task or one process.

    Args:
        tasks: The tasks.
        ahead: Tasks that need not be done now. They follow the others, unless this process does all. If one fails, it
            is left for later.
        processes: How many processes to start (default: `NEXTWORD_TEXT_PROCESSES`, else one for each core).

    Raises:
        TextError: A shard was refused. The first one in the text counts, whichever process was faster.
        OSError: The disk refused.
        StorageError: A process was killed.
        SettingError: `NEXTWORD_TEXT_PROCESSES` is not a number of processes.
    """
    processes = min(processes or default_processes(), len(tasks) + len(ahead))
    if processes <= 1 or not sys.executable:  # there is no program to start if Python is part of another one
        work = Task("cutting the text", sum(task.num_bytes for task in tasks))
        for task in tasks:
            task.run()
            work.advance(task.num_bytes)
        return
    work = Task("cutting the text", sum(task.num_bytes for task in (*tasks, *ahead)))
    with _Workers() as workers, ThreadPoolExecutor(processes) as threads:
        answers = {task: threads.submit(workers.run, task) for task in (*tasks, *ahead)}
        try:
            for task in tasks:
                answers[task].result()
                work.advance(task.num_bytes)
            for task in ahead:
                with suppress(NextwordError, OSError):
                    answers[task].result()
                work.advance(task.num_bytes)
        except BaseException:
            _cancel(answers.values())
            workers.stop()  # before the threads are waited for
            raise


def default_processes() -> int:
    """Return how many processes read a large text: one for each core, if the environment does not say.

    Raises:
        SettingError: The variable is not a number of at least 1.
    """
    asked = os.environ.get(PROCESSES)
    if asked:
        if not asked.isdecimal() or not int(asked):
            raise SettingError(f"`{PROCESSES}` must be a number of processes, at least 1, but is {asked!r}")
        return int(asked)
    capacity = read_capacity()
    quota = capacity.core_quota
    return max(1, capacity.cores if quota is None else min(capacity.cores, round(quota)))


class _Workers:
    """The processes, one for each thread that asks for one; none is left over afterwards."""

    def __init__(self) -> None:
        self._own = threading.local()
        self._lock = threading.Lock()
        self._started: list[subprocess.Popen[str]] = []
        self._is_stopped = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def run(self, task: ShardTask) -> None:
        process: subprocess.Popen[str] | None = getattr(self._own, "process", None)
        if process is None:
            process = self._own.process = self._start()
        if process.stdin is None or process.stdout is None:
            raise AssertionError("the process has pipes")
        try:
            process.stdin.write(encoded(task))
            process.stdin.flush()
            answer = process.stdout.readline()
        except (OSError, ValueError):  # it has ended, or `stop` has closed its pipes
            answer = ""
        if not answer:
            raise StorageError(
                f"a process that reads `{task.shown or task.path}` must finish, but ended with code {process.wait()}; "
                f"if memory was short, set {PROCESSES} to fewer processes; what was read is kept"
            )
        raise_failure(json.loads(answer))

    def stop(self) -> None:
        with self._lock:
            self._is_stopped = True
            for process in self._started:
                process.kill()
            for process in self._started:
                process.wait()
                for pipe in (process.stdin, process.stdout):
                    with suppress(BrokenPipeError):  # a task that it never read
                        if pipe:
                            pipe.close()
            self._started.clear()

    def _start(self) -> "subprocess.Popen[str]":
        with self._lock:
            if self._is_stopped:
                raise StorageError("reading was stopped")
            process = subprocess.Popen(
                [sys.executable, "-m", _MODULE],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                encoding="utf-8",
                env=_environment(),
                start_new_session=True,  # Ctrl-C is for the program that stops them
            )
            self._started.append(process)
            return process


def _environment() -> dict[str, str]:
    """Return the environment of a process: it finds the modules that this one finds, and runs one thread."""
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)  # noqa: PTH109
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}


def _cancel(answers: "Iterable[Future[None]]") -> None:
    for answer in answers:
        answer.cancel()
