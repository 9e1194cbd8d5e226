"""Continuous batching: texts of different lengths share the engine's steps, and join and leave at any step.

```
step       1      2      3      4      5      6
text A     <eos>  It     is     a      truth         generates from its second step on, and leaves
text B            <eos>  My     dear   Mr.    Bennet  joins while A is in work
prompt C   [16 tokens]   [16 tokens]   <rest> ...     a long prompt is read in windows between the steps, then joins
```

A thread runs the engine, and the event loop gets the tokens of a step for all texts in one call. The tokens of a text
are those of `generate_texts` with the same request.
"""

import asyncio
import logging
import threading
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from nextword.engine.engine import Engine
from nextword.engine.prefix_cache import PrefixCache
from nextword.serving.http.errors import ApiError
from nextword.serving.queue.batcher import Batcher, Inbox, TextTask, Update

_POLL_SECONDS = 0.01

_LOG = logging.getLogger(__name__)


class Scheduler:
    """Runs the engine in one thread for all texts of the service.

    The thread starts with the first text. `prefixes` has the states after the beginnings of earlier texts.

    At most `max_rows` texts are in work at once; others wait, first come, first served.
    """

    def __init__(self, engine: Engine, prefixes: PrefixCache | None = None, *, max_rows: int = 64) -> None:
        self._max_rows = max_rows
        self._batcher = Batcher(engine, PrefixCache() if prefixes is None else prefixes)
        self._changed = threading.Condition()
        self._arriving: deque[TextTask] = deque()
        self._num_running = 0
        self._is_closed = False
        self._is_retired = False
        self._thread: threading.Thread | None = None
        self._has_failed = False

    @property
    def num_running(self) -> int:
        """Texts in work or waiting; 0 if there is no work left."""
        return self._num_running

    @property
    def num_tokens(self) -> int:
        """Tokens generated since the start."""
        return self._batcher.num_tokens

    @property
    def num_prompt_tokens(self) -> int:
        """Tokens of prompts read since the start."""
        return self._batcher.num_prompt_tokens

    @property
    def is_alive(self) -> bool:
        """Whether it takes texts: False after `close`, and if its thread ended by an error."""
        return not (self._is_closed or self._has_failed)

    @contextmanager
    def running(self, tasks: Sequence[TextTask]) -> Iterator[None]:
        """Work on texts until the block is left; what is incomplete then is cancelled.

        Raises:
            ApiError: The scheduler is closed (503), or its thread ended by an error (500).
        """
        with self._changed:
            if not self.is_alive:
                raise _failed_error() if self._has_failed else _closed_error()
            self._arriving.extend(tasks)
            self._num_running += len(tasks)
            self._start()
            self._changed.notify()
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()

    async def drain(self) -> None:
        """Close, end the texts in work with an `ApiError` 503, and wait until they have ended."""
        self.close()
        while self._num_running and not self._has_failed:
            await asyncio.sleep(_POLL_SECONDS)

    def retire(self) -> None:
        """End the thread when it has no texts; a text that comes later starts it again."""
        with self._changed:
            self._is_retired = True
            self._changed.notify()

    def close(self) -> None:
        """End all texts with an `ApiError` 503, and the thread; returns at once."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()

    def join(self, seconds: float) -> None:
        """Wait up to `seconds` for the thread to end after `close`.

        Without it, the interpreter could end while the thread is in onnxruntime, which aborts the process.
        """
        thread = self._thread
        if thread is not None:
            thread.join(seconds)

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="nextword-scheduler", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        try:
            while self._take():
                self._batcher.advance()
                self._send()
        except Exception:  # a bug of ours: no text may wait for ever
            _LOG.exception("the scheduler ended by an error")
            with self._changed:
                self._has_failed = True
                self._fail_all(_failed_error())

    def _take(self) -> bool:
        """Wait for work and take it up; return whether to continue."""
        batcher = self._batcher
        with self._changed:
            while not (self._arriving or batcher.tasks or self._is_closed or self._is_retired):
                self._changed.wait()
            if self._is_closed:
                self._fail_all(_closed_error())
                return False
            if self._is_retired and not (self._arriving or batcher.tasks):
                self._thread = None
                return False
            # Once for all: the event loop cancels texts meanwhile.
            cancelled = {task for task in (*batcher.tasks, *self._arriving) if task.is_cancelled}
            self._drop(cancelled)
            self._arriving = deque(task for task in self._arriving if task not in cancelled)
            for _ in range(min(len(self._arriving), self._max_rows - len(batcher.tasks))):
                batcher.add(self._arriving.popleft())
            return True

    def _send(self) -> None:
        updates = self._batcher.take_updates()
        with self._changed:
            self._drop({task for task, update in updates if update.is_last})
        _deliver(updates)

    def _drop(self, ended: set[TextTask]) -> None:
        """Drop texts, with the lock held."""
        self._batcher.drop(ended)
        self._num_running -= len(ended)

    def _fail_all(self, error: Exception) -> None:
        """End all texts, with the lock held."""
        tasks = [*self._batcher.tasks, *self._arriving]
        self._batcher.drop(set(tasks))
        self._arriving.clear()
        self._num_running = 0
        _deliver([(task, Update(is_last=True, error=error)) for task in tasks])


def _deliver(updates: Sequence[tuple[TextTask, Update]]) -> None:
    """Give updates to the inboxes of their requests, with one call for each event loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[Inbox, int, Update]]] = defaultdict(list)
    for task, update in updates:
        by_loop[task.inbox.loop].append((task.inbox, task.index, update))
    for loop, batch in by_loop.items():
        with suppress(RuntimeError):  # the loop is closed, so nobody waits
            loop.call_soon_threadsafe(_put_all, batch)


def _put_all(updates: Sequence[tuple[Inbox, int, Update]]) -> None:
    for inbox, index, update in updates:
        inbox.put_nowait((index, update))


def _closed_error() -> ApiError:
    return ApiError(503, "the service ended before the text did; send the request again", code="closing")


def _failed_error() -> ApiError:
    return ApiError(500, "the engine of the service ended by an error; the log says why", code="engine")
