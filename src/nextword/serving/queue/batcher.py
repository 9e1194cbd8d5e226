"""The texts that the engine works on, and what it does next for them; it knows neither threads nor event loops."""

import logging
from collections.abc import Sequence

from nextword.engine.engine import Engine
from nextword.serving.http.errors import ApiError
from nextword.serving.queue.prompt_reader import PromptReader, Read
from nextword.serving.queue.row_batch import row_batch
from nextword.serving.queue.text_task import TextTask, Update

_LOG = logging.getLogger(__name__)


class TextWork:
    """Reads prompts and steps texts, in turn.

    Args:
        engine: The engine.
        max_rows: Most texts in work.

    Attributes:
        num_tokens: Tokens generated since the start.
    """

    def __init__(self, engine: Engine, max_rows: int) -> None:
        self._batch = row_batch(engine, max_rows)
        self._reader = PromptReader(engine)
        self._rows: list[TextTask] = []
        self._joining: list[Read] = []
        self._done: list[TextTask] = []
        self._num_stepped = 0
        self.num_tokens = 0

    @property
    def tasks(self) -> list[TextTask]:
        """The texts in work."""
        return [*self._rows, *(task for task, _ in self._joining), *self._reader.tasks, *self._done]

    @property
    def num_prompt_tokens(self) -> int:
        """Tokens of prompts read since the start."""
        return self._num_stepped + self._reader.num_read

    def add(self, task: TextTask) -> None:
        """Take up a text."""
        if task.is_complete:
            task.finish_prompt()
            self._done.append(task)
        elif read := self._reader.add(task):
            self._joining.append(read)

    def drop(self, ended: set[TextTask]) -> None:
        """Drop texts."""
        if ended:
            self._reader.drop(ended)
            self._joining = [read for read in self._joining if read[0] not in ended]
            self._done = [task for task in self._done if task not in ended]
            self._arrange([row for row, task in enumerate(self._rows) if task not in ended])

    def advance(self) -> None:
        """Read a window of a few prompts, then a token of each other text."""
        if reading := self._reader.next_tasks():
            try:
                self._joining += self._reader.advance()
                self._done += [task for task in reading if task.is_complete]
            except Exception:  # of the engine: these texts end, the others continue
                self._fail(reading)
                self._reader.drop(set(reading))
                self._done += reading
        if self._joining:
            joining, self._joining = self._joining, []
            self._arrange([*range(len(self._rows))], joining)
        if self._rows:
            self._step()

    def take_updates(self) -> list[tuple[TextTask, Update]]:
        """Return what is to be sent after `advance`."""
        return [(task, update) for task in self.tasks if (update := task.take_update()) is not None]

    def _step(self) -> None:
        self._num_stepped += sum(task.position < len(task.read) for task in self._rows)
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

    def _arrange(self, kept: list[int], joining: Sequence[Read] = ()) -> None:
        if len(kept) < len(self._rows) or joining:
            self._batch.change(kept, [state for _, state in joining])
            self._rows = [*(self._rows[row] for row in kept), *(task for task, _ in joining)]

    def _fail(self, tasks: Sequence[TextTask]) -> None:
        _LOG.exception("the engine failed; %d texts end with an error", len(tasks))
        for task in tasks:
            task.fail(ApiError(500, "the engine failed at this text; the log of the service says why", code="engine"))
