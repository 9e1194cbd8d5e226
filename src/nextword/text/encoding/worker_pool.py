"""Runs the tasks of a text in several processes: `python -m nextword.text.encoding.worker_pool` is one of them.

A process takes tasks as lines of JSON on its standard input, and answers each with a line. It is a program of its own
and not a child of `multiprocessing`, which would import the user's main program again in each process. It imports NumPy
and the text room, starts in a fraction of a second, and ends when its standard input does: if the program that started
it is killed, no process is left over.
"""

import dataclasses
import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import SimpleQueue
from typing import IO, Any

from nextword.errors import NextwordError, SettingError, StorageError, TextError
from nextword.system.capacity import read_capacity
from nextword.text.encoding.cut_shard import ShardTask
from nextword.text.reading.progress import Task

PROCESSES = "NEXTWORD_TEXT_PROCESSES"
"""The variable that sets how many processes read a large text."""

_MODULE = "nextword.text.encoding.worker_pool"


def run_tasks(tasks: Sequence[ShardTask], *, ahead: Sequence[ShardTask] = (), processes: int | None = None) -> None:
    """Run tasks, in this process if there is only one task or one process.

    Args:
        tasks: The tasks.
        ahead: Tasks of later calls. The processes run them after `tasks`; without processes they are not run. An error
            of one is ignored: the later call reports it.
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
    workers = _Workers()
    with ThreadPoolExecutor(processes) as threads:
        answers = {task: threads.submit(workers.run, task) for task in (*tasks, *ahead)}
        try:
            for task, answer in answers.items():
                with suppress(*(() if task in tasks else (NextwordError, OSError))):
                    answer.result()
                work.advance(task.num_bytes)
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
            workers.stop()  # before the threads are waited for


def default_processes() -> int:
    """Return how many processes read a large text: one for each core, if the environment does not say."""
    variable = os.environ.get(PROCESSES)
    if variable:
        if not variable.isdecimal() or not int(variable):
            raise SettingError(f"`{PROCESSES}` must be a number of processes, at least 1, but is {variable!r}")
        return int(variable)
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

    def run(self, task: ShardTask) -> None:
        process: subprocess.Popen[str] | None = getattr(self._own, "process", None)
        if process is None:
            process = self._own.process = self._start()
        if process.stdin is None or process.stdout is None:
            raise AssertionError("the process has pipes")
        try:
            process.stdin.write(json.dumps(dataclasses.asdict(task)) + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        except (OSError, ValueError):  # it has ended, or `stop` has closed its pipes
            answer = ""
        if not answer:
            raise StorageError(
                f"a process that reads `{task.shown or task.path}` must finish, but ended with code {process.wait()}; "
                f"if memory was short, set {PROCESSES} to fewer processes; what was read is kept"
            )
        match json.loads(answer):
            case {"text": message}:
                raise TextError(message)
            case {"errno": number, "disk": message}:
                raise OSError(number, message)

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

    def _start(self) -> "subprocess.Popen[str]":
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)  # noqa: PTH109
        with self._lock:
            if self._is_stopped:
                raise StorageError("reading was stopped")
            process = subprocess.Popen(
                [sys.executable, "-m", _MODULE],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                encoding="utf-8",
                env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"},
                start_new_session=True,  # Ctrl-C is for the program that stops them
            )
            self._started.append(process)
            return process


def main() -> None:
    """Answer tasks until standard input ends."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nothing that a library prints becomes an answer
    lines: SimpleQueue[str] = SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin, lines), daemon=True).start()
    while True:
        print(json.dumps(_answer(json.loads(lines.get()))), file=answers, flush=True)


def _listen(stream: IO[str], lines: "SimpleQueue[str]") -> None:
    for line in stream:
        lines.put(line)
    os._exit(0)  # at once, in the middle of a task


def _answer(task: dict[str, Any]) -> dict[str, Any]:
    try:
        ShardTask(**task).run()
    except TextError as error:
        return {"text": str(error)}
    except OSError as error:
        return {"errno": error.errno, "disk": error.strerror or str(error)}
    return {}


if __name__ == "__main__":
    main()
