"""The texts that the engine works on, and what it does next for them; it knows neither threads nor event loops.

Long prompts are read in windows between the steps of other texts, if this engine's windows give the same results as
steps to the last bit.
"""

import logging
from collections import deque
from collections.abc import Sequence

import numpy as np

from nextword.engine.engine import Engine, State
from nextword.serving.http.errors import ApiError
from nextword.serving.queue.row_batch import reads_exact_windows, row_batch
from nextword.serving.queue.text_task import TextTask, Update

WINDOW = 16
"""Tokens of a prompt that are read at once; the rest of a prompt is read in steps."""

_MAX_ROWS = 8
"""Maximum number of prompts of a window."""

_WINDOW_NUMBERS = 640_000
"""Maximum number of log-probabilities of a window, because the steps of other texts wait for it."""

_LOG = logging.getLogger(__name__)


class Batcher:
    """Reads prompts and steps texts, in turn.

    ```
    add -> [reading] -> [joining] -> rows, which share the steps -> done
    ```
    """

    def __init__(self, engine: Engine, max_rows: int) -> None:
        self._engine = engine
        self._batch = row_batch(engine, max_rows)
        self._max_read = max(1, min(_MAX_ROWS, _WINDOW_NUMBERS // (WINDOW * engine.vocabulary_size)))
        self._is_exact = reads_exact_windows(engine, WINDOW, self._max_read)
        self._reading: deque[tuple[TextTask, State]] = deque()
        self._joining: list[tuple[TextTask, State]] = []
        self._rows: list[TextTask] = []
        self._done: list[TextTask] = []
        self.num_tokens = 0  # tokens generated since the start
        self.num_prompt_tokens = 0  # tokens of prompts read since the start

    @property
    def tasks(self) -> list[TextTask]:
        """The texts in work."""
        waiting = (entry[0] for entries in (self._joining, self._reading) for entry in entries)
        return [*self._rows, *waiting, *self._done]

    def add(self, task: TextTask) -> None:
        """Take up a text."""
        if task.is_complete:
            task.finish_prompt()
            self._done.append(task)
        else:
            self._read_or_join(task, self._engine.start(1))

    def drop(self, ended: set[TextTask]) -> None:
        """Drop texts."""
        if ended:
            self._reading = deque(entry for entry in self._reading if entry[0] not in ended)
            self._joining = [entry for entry in self._joining if entry[0] not in ended]
            self._done = [task for task in self._done if task not in ended]
            self._arrange([row for row, task in enumerate(self._rows) if task not in ended])

    def advance(self) -> None:
        """Read a window of a few prompts, then a token of each other text."""
        if self._reading:
            self._read_window()
        if self._joining:
            joining, self._joining = self._joining, []
            self._arrange([*range(len(self._rows))], joining)
        if self._rows:
            self._step()

    def take_updates(self) -> list[tuple[TextTask, Update]]:
        """Return what is to be sent after `advance`."""
        return [(task, update) for task in self.tasks if (update := task.take_update()) is not None]

    def _read_or_join(self, task: TextTask, state: State) -> None:
        if self._is_exact and task.num_to_read > WINDOW:
            self._reading.append((task, state))
        else:
            self._joining.append((task, state))

    def _read_window(self) -> None:
        """Read a window of the first few prompts. If the engine fails, these texts end, and the others continue."""
        pairs = [self._reading.popleft() for _ in range(min(self._max_read, len(self._reading)))]
        tasks = [task for task, _ in pairs]
        try:
            self._advance_prompts(pairs)
        except Exception:
            self._fail(tasks)
            self.drop(set(tasks))
            self._done += tasks
        else:
            self._done += [task for task in tasks if task.is_complete]

    def _advance_prompts(self, pairs: Sequence[tuple[TextTask, State]]) -> None:
        inputs = np.array([task.read[task.position : task.position + WINDOW] for task, _ in pairs], np.int32)
        state = pairs[0][1] if len(pairs) == 1 else self._engine.join([state for _, state in pairs])
        prediction, state = self._engine.predict_window(inputs, state)
        self.num_prompt_tokens += inputs.size
        for row, (task, _) in enumerate(pairs):
            task.receive_window(prediction.log_probs[row])
            if not task.is_complete:
                self._read_or_join(task, state if len(pairs) == 1 else self._engine.select(state, np.array([row])))

    def _step(self) -> None:
        self.num_prompt_tokens += sum(task.position < len(task.read) for task in self._rows)
        try:
            log_probs = self._batch.step([task.next_id for task in self._rows])
        except Exception:  # of the engine
            self._fail(self._rows)
            return
        for task, row in zip(self._rows, log_probs, strict=True):
            try:
                self.num_tokens += task.receive(row)
            except Exception:  # such as a log-probability that is NaN
                self._fail([task])

    def _arrange(self, rows: list[int], joining: Sequence[tuple[TextTask, State]] = ()) -> None:
        if len(rows) < len(self._rows) or joining:
            self._batch.change(rows, [state for _, state in joining])
            self._rows = [*(self._rows[row] for row in rows), *(task for task, _ in joining)]

    def _fail(self, tasks: Sequence[TextTask]) -> None:
        _LOG.exception("the engine failed; %d texts end with an error", len(tasks))
        for task in tasks:
            task.fail(ApiError(500, "the engine failed at this text; the log of the service says why", code="engine"))
