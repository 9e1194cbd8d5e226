"""The texts that the engine works on, and what it does next for them; it knows neither threads nor event loops.

Long prompts are read in windows between the steps of other texts. Windows are only used if they give the same results
as steps: an int8 engine rounds a window by its largest number, so its texts are read in steps, as the command line
does. If the tokens of a prompt are to be scored, they are scored in windows first, as `nextword score` does.
"""

import logging
from collections import deque
from collections.abc import Callable, Sequence

import numpy as np

from nextword.engine.distribution_engine import even_pieces
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

_PIECE_NUMBERS = 2_000_000
"""Log-probabilities of a piece in which prompts are scored, as in `OnnxEngine.pieces`."""

_LOG = logging.getLogger(__name__)


class Batcher:
    """Reads prompts and steps texts, in turn.

    ```
    add -> [scoring] -> [reading] -> [joining] -> rows, which share the steps -> done
    ```

    Args:
        engine: The engine.
        max_rows: Maximum number of texts in work.

    Attributes:
        num_tokens: Tokens generated since the start.
        num_prompt_tokens: Tokens of prompts read since the start.
    """

    def __init__(self, engine: Engine, max_rows: int) -> None:
        self._engine = engine
        self._batch = row_batch(engine, max_rows)
        self._max_read = max(1, min(_MAX_ROWS, _WINDOW_NUMBERS // (WINDOW * engine.vocabulary_size)))
        self._is_exact = reads_exact_windows(engine, WINDOW, self._max_read)
        self._scoring: deque[tuple[TextTask, State, int]] = deque()
        self._reading: deque[tuple[TextTask, State]] = deque()
        self._joining: list[tuple[TextTask, State]] = []
        self._rows: list[TextTask] = []
        self._done: list[TextTask] = []
        self.num_tokens = 0
        self.num_prompt_tokens = 0

    @property
    def tasks(self) -> list[TextTask]:
        """The texts in work."""
        waiting = (entry[0] for entries in (self._joining, self._reading, self._scoring) for entry in entries)
        return [*self._rows, *waiting, *self._done]

    def add(self, task: TextTask) -> None:
        """Take up a text."""
        if task.is_complete:
            task.finish_prompt()
            self._done.append(task)
        elif task.scores_prompt and self._engine.mixes_rows and len(task.read) > 1:
            self._scoring.append((task, self._engine.start(1), 0))
        else:
            self._read_or_join(task, self._engine.start(1))

    def drop(self, ended: set[TextTask]) -> None:
        """Drop texts."""
        if ended:
            self._scoring = deque(entry for entry in self._scoring if entry[0] not in ended)
            self._reading = deque(entry for entry in self._reading if entry[0] not in ended)
            self._joining = [entry for entry in self._joining if entry[0] not in ended]
            self._done = [task for task in self._done if task not in ended]
            self._arrange([row for row, task in enumerate(self._rows) if task not in ended])

    def advance(self) -> None:
        """Read a window of a few prompts, then a token of each other text."""
        if self._scoring:
            self._advance_prompts([self._scoring[0][0]], self._score_piece)
        elif self._reading:
            self._advance_prompts([task for task, _ in list(self._reading)[: self._max_read]], self._read_window)
        if self._joining:
            joining, self._joining = self._joining, []
            self._arrange([*range(len(self._rows))], joining)
        if self._rows:
            self._step()

    def take_updates(self) -> list[tuple[TextTask, Update]]:
        """Return what is to be sent after `advance`."""
        return [(task, update) for task in self.tasks if (update := task.take_update()) is not None]

    def _advance_prompts(self, tasks: list[TextTask], advance: Callable[[], None]) -> None:
        try:
            advance()
            self._done += [task for task in tasks if task.is_complete]
        except Exception:  # of the engine: these texts end, the others continue
            self._fail(tasks)
            self.drop(set(tasks))
            self._done += tasks

    def _read_or_join(self, task: TextTask, state: State) -> None:
        if self._is_exact and task.num_to_read > WINDOW:
            self._reading.append((task, state))
        else:
            self._joining.append((task, state))

    def _read_window(self) -> None:
        pairs = [self._reading.popleft() for _ in range(min(self._max_read, len(self._reading)))]
        inputs = np.array([task.read[task.position : task.position + WINDOW] for task, _ in pairs], np.int32)
        state = pairs[0][1] if len(pairs) == 1 else self._engine.join([state for _, state in pairs])
        prediction, state = self._engine.predict_window(inputs, state)
        self.num_prompt_tokens += inputs.size
        for row, (task, _) in enumerate(pairs):
            task.receive_window(prediction.log_probs[row])
            if not task.is_complete:
                self._read_or_join(task, state if len(pairs) == 1 else self._engine.select(state, np.array([row])))

    def _score_piece(self) -> None:
        task, state, position = self._scoring.popleft()
        inputs = np.array([task.read[:-1]], np.int32)
        length = even_pieces(inputs.shape[1], self._engine.vocabulary_size, _PIECE_NUMBERS)[0].stop
        prediction, state = self._engine.predict_window(inputs[:, position : position + length], state)
        task.score_prompt(prediction.log_probs[0], position)
        position += length
        if position < inputs.shape[1]:
            self._scoring.append((task, state, position))
            return
        task.scores_prompt = False
        if task.text is None:
            self.num_prompt_tokens += inputs.shape[1]
            task.finish_prompt()
        else:
            self._joining.append((task, self._engine.start(1)))

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
        """Keep some rows, and add others."""
        if len(rows) < len(self._rows) or joining:
            self._batch.change(rows, [state for _, state in joining])
            self._rows = [*(self._rows[row] for row in rows), *(task for task, _ in joining)]

    def _fail(self, tasks: Sequence[TextTask]) -> None:
        _LOG.exception("the engine failed; %d texts end with an error", len(tasks))
        for task in tasks:
            task.fail(ApiError(500, "the engine failed at this text; the log of the service says why", code="engine"))
