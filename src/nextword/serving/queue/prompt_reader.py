"""Reads long prompts in windows between the steps of other texts."""

from collections import deque

import numpy as np

from nextword.engine.distribution_engine import even_pieces
from nextword.engine.engine import Engine, State
from nextword.serving.queue.row_batch import reads_exact_windows
from nextword.serving.queue.text_task import TextTask

WINDOW = 16
"""Tokens of a prompt that are read at once; the rest of a prompt is read in steps."""

_MAX_ROWS = 8
"""Most prompts of a window."""

_WINDOW_NUMBERS = 640_000
"""Most log-probabilities of a window, because the steps of other texts wait for it."""

_PIECE_NUMBERS = 2_000_000
"""Log-probabilities of a piece in which prompts are scored, as in `OnnxEngine.pieces`."""

type Read = tuple[TextTask, State]
"""A text, with the state after the tokens that are read."""


class PromptReader:
    """Reads prompts in turn, a window each time; several prompts share a window.

    Windows are only used if they give the same results as steps. An int8 engine rounds a window by its largest number,
    so its texts are read in steps, as the command line does. If the tokens of the prompt are to be scored, they are
    scored in windows before, as `nextword score` does.

    Args:
        engine: The engine.

    Attributes:
        num_read: Tokens read since this was set to 0.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._max_rows = max(1, min(_MAX_ROWS, _WINDOW_NUMBERS // (WINDOW * engine.vocabulary_size)))
        self._is_exact = reads_exact_windows(engine, WINDOW, self._max_rows)
        self._reading: deque[Read] = deque()
        self._scoring: deque[tuple[TextTask, State, int]] = deque()
        self.num_read = 0

    @property
    def tasks(self) -> list[TextTask]:
        """The texts that are read."""
        return [*(task for task, _ in self._reading), *(task for task, _, _ in self._scoring)]

    def add(self, task: TextTask) -> Read | None:
        """Take a text, or return it with its first state if there is nothing to read in windows."""
        state = self._engine.start(1)
        if task.scores_prompt and self._engine.mixes_rows and len(task.read) > 1:
            self._scoring.append((task, state, 0))
        elif self._is_exact and task.num_to_read > WINDOW:
            self._reading.append((task, state))
        else:
            return task, state
        return None

    def drop(self, ended: set[TextTask]) -> None:
        """Drop texts."""
        if ended:
            self._reading = deque(pair for pair in self._reading if pair[0] not in ended)
            self._scoring = deque(entry for entry in self._scoring if entry[0] not in ended)

    def next_tasks(self) -> list[TextTask]:
        """Return the texts that `advance` will read."""
        if self._scoring:
            return [self._scoring[0][0]]
        return [task for task, _ in list(self._reading)[: self._max_rows]]

    def advance(self) -> list[Read]:
        """Read a window, and return the texts whose other tokens are to be read in steps."""
        return self._score_piece() if self._scoring else self._read_window()

    def _read_window(self) -> list[Read]:
        pairs = [self._reading.popleft() for _ in range(min(self._max_rows, len(self._reading)))]
        inputs = np.array([task.read[task.position : task.position + WINDOW] for task, _ in pairs], np.int32)
        joined = pairs[0][1] if len(pairs) == 1 else self._engine.join([state for _, state in pairs])
        prediction, after = self._engine.predict_window(inputs, joined)
        self.num_read += inputs.size
        ready: list[Read] = []
        for row, (task, _) in enumerate(pairs):
            task.receive_window(prediction.log_probs[row])
            state = after if len(pairs) == 1 else self._engine.select(after, np.array([row]))
            (self._reading if task.num_to_read > WINDOW else ready).append((task, state))
        return ready

    def _score_piece(self) -> list[Read]:
        task, state, position = self._scoring.popleft()
        inputs = np.array([task.read[:-1]], np.int32)
        length = even_pieces(inputs.shape[1], self._engine.vocabulary_size, _PIECE_NUMBERS)[0].stop
        prediction, state = self._engine.predict_window(inputs[:, position : position + length], state)
        task.score_prompt(prediction.log_probs[0], position)
        position += length
        if position < inputs.shape[1]:
            self._scoring.append((task, state, position))
            return []
        task.scores_prompt = False
        if task.text is None:
            self.num_read += inputs.shape[1]
            task.finish_prompt()
            return []
        return [(task, self._engine.start(1))]
