"""The texts that the engine works on, what it does next for them, and the way of their tokens to the event loop.

Long prompts are read in windows between the steps of other texts. No text changes another: the log-probabilities of a
text in company and alone differ by rounding, and in int8 not at all.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.engine.engine import Engine, State
from nextword.engine.prefix_cache import PrefixCache
from nextword.inference.generation.generated_text import Ending
from nextword.inference.generation.writers import SampledText
from nextword.inference.highest import highest_first
from nextword.serving.http.errors import ApiError

LogProbs = NDArray[np.float32]


class TokenScore(NamedTuple):
    """A token with its log-probability after all tokens before it."""

    token_id: int
    log_prob: float  # its natural log-probability by the model, before all filters
    # The most probable tokens in its place, the most probable first, with their log-probabilities.
    top: tuple[tuple[int, float], ...] = ()


class Update(NamedTuple):
    """What is new of a text since its last update."""

    prompt: tuple[TokenScore, ...] = ()  # scored tokens of the prompt, if they were asked for
    tokens: tuple[TokenScore, ...] = ()
    ending: Ending | None = None  # reason for the end; `None` if the text continues, or if nothing was asked for
    is_last: bool = False  # whether there will be no other update
    error: Exception | None = None  # what went wrong; then the update is the last one


class Inbox(asyncio.Queue[tuple[int, Update]]):
    """The updates of all texts of a request, each with the index of its text, for one reader in one event loop."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.get_running_loop()

    async def take(self) -> list[tuple[int, Update]]:
        """Wait for updates, and return all that are there."""
        updates = [await self.get()]
        while not self.empty():
            updates.append(self.get_nowait())
        return updates


class TextTask:
    """A text to read and to continue. Except for `cancel`, only the scheduler calls its methods.

    Args:
        read: The tokens to read; the first is `<eos>`.
        text: Chooses the tokens after them; `None` to generate nothing.
        inbox: Where updates go.
        index: Number of the text in its request.
        streams: Whether to send each token at once; otherwise all tokens come in one update.
        num_top: How many alternatives each scored token has.
        scores_prompt: Whether to score the tokens of `read` after the first.
    """

    def __init__(
        self,
        read: Sequence[int],
        text: SampledText | None,
        *,
        inbox: Inbox,
        index: int = 0,
        streams: bool = False,
        num_top: int = 0,
        scores_prompt: bool = False,
    ) -> None:
        self.read = read
        self.text = text
        self.inbox = inbox
        self.index = index
        self.scores_prompt = scores_prompt
        self.position = 0  # how many of the tokens of `read` have been read
        self.is_cancelled = False  # whether the work shall stop
        self._streams = streams
        self._num_top = num_top
        self._prompt: list[TokenScore] = []
        self._tokens: list[TokenScore] = []
        self._update: Update | None = None

    def cancel(self) -> None:
        """Stop the work before the next step of the engine."""
        self.is_cancelled = True

    @property
    def num_to_read(self) -> int:
        """Tokens of the prompt that are still to be read; the last one only matters for the tokens after it."""
        return len(self.read) - self.position - (self.text is None)

    @property
    def next_id(self) -> int:
        """The token that the next step reads."""
        if self.position < len(self.read) or self.text is None:
            return self.read[self.position]
        return self.text.ids[-1]

    @property
    def is_complete(self) -> bool:
        """Whether no work is left."""
        return self.num_to_read <= 0 if self.text is None else self.text.ending is not None

    def receive(self, log_probs: LogProbs) -> int:
        """Receive the log-probabilities `(V,)` after the token that was read last; return how many tokens are new."""
        if self.position < len(self.read):
            self.receive_window(log_probs[None])
        if self.text is None or self.position < len(self.read):
            return 0
        self.text.receive(log_probs[None])
        self._tokens.append(self._scored(self.text.ids[-1], log_probs))
        if self._streams or self.is_complete:
            self._send()
        return 1

    def receive_window(self, log_probs: LogProbs) -> None:
        """Receive the log-probabilities `(T, V)` after each of the next `T` tokens of the prompt."""
        if self.scores_prompt:
            self._score_prompt(log_probs)
        self.position += len(log_probs)
        if self.text is None and self.is_complete:
            self._send()

    def _score_prompt(self, log_probs: LogProbs) -> None:
        following = self.read[self.position + 1 : self.position + 1 + len(log_probs)]
        rows = log_probs[: len(following)]
        self._prompt += [self._scored(token_id, row) for token_id, row in zip(following, rows, strict=True)]

    def finish_prompt(self) -> None:
        """End a text of which only the prompt was to be scored."""
        self.position = len(self.read)
        self._send()

    def fail(self, error: Exception) -> None:
        """End the text with an error."""
        self.is_cancelled = True
        self._update = Update(is_last=True, error=error)

    def take_update(self) -> Update | None:
        """Return what is to be sent, once."""
        update, self._update = self._update, None
        return update

    def _send(self) -> None:
        ending = None if self.text is None else self.text.ending
        self._update = Update(tuple(self._prompt), tuple(self._tokens), ending, self.is_complete)
        self._prompt, self._tokens = [], []

    def _scored(self, token_id: int, log_probs: LogProbs) -> TokenScore:
        best = highest_first(log_probs, min(self._num_top, len(log_probs)))
        top = tuple(zip(best.tolist(), log_probs[best].tolist(), strict=True))
        return TokenScore(int(token_id), float(log_probs[token_id]), top)


WINDOW = 16
"""Tokens of a prompt that are read at once; the rest of a prompt is read in steps."""

_MAX_ROWS = 8
"""Maximum number of prompts of a window."""

_WINDOW_NUMBERS = 640_000
"""Maximum number of log-probabilities of a window, because the steps of other texts wait for it."""

_LOG = logging.getLogger(__name__)


class SharedSteps:
    """The states of texts that share the steps of an engine: a row for each, in the order of their joining.

    For an engine that compiles each shape, the number of rows is rounded up to a power of two; the last row is repeated
    to fill them.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._state: State = None
        self._num_rows = 0

    def change(self, rows: Sequence[int], joining: Sequence[State]) -> None:
        """Keep some rows, and add a row for each state of one text."""
        states = list(joining)
        if len(rows) == self._num_rows and rows:
            states.insert(0, self._state)
        elif rows:
            states.insert(0, self._engine.select(self._state, np.array(rows, np.intp)))
        self._num_rows = len(rows) + len(joining)
        self._state = None if not states else states[0] if len(states) == 1 else self._engine.join(states)

    def step(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """Read a token of each text, and return the log-probabilities of the next `(B, V)`."""
        num_rows, state, tokens = len(ids), self._state, np.array(ids, np.int32)
        size = 1 << (num_rows - 1).bit_length() if self._engine.compiles_each_shape else num_rows
        if num_rows < size:
            rows = np.minimum(np.arange(size), num_rows - 1)
            tokens, state = tokens[rows], self._engine.select(state, rows)
        log_probs, state = self._engine.step(tokens, state)
        self._state = state if num_rows == size else self._engine.select(state, np.arange(num_rows))
        return log_probs[:num_rows]

    def state_of(self, row: int) -> State:
        """Return the state of one text."""
        return self._state if self._num_rows == 1 else self._engine.select(self._state, np.array([row], np.intp))


class Batcher:
    """Reads prompts and steps texts, in turn. What it has read, or a client before, it does not read again.

    ```
    add -> [reading] -> [joining] -> rows, which share the steps -> done
    ```
    """

    def __init__(self, engine: Engine, prefixes: PrefixCache) -> None:
        self._engine = engine
        self._prefixes = prefixes
        self._batch = SharedSteps(engine)
        self._max_read = max(1, min(_MAX_ROWS, _WINDOW_NUMBERS // (WINDOW * engine.vocabulary_size)))
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
            known = None if task.scores_prompt else self._prefixes.find(task.read)
            task.position = 0 if known is None else known.num_tokens
            self._read_or_join(task, self._engine.start(1) if known is None else known.state)

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
        if task.position == len(task.read) - 1:
            self._prefixes.keep(task.read[:-1], state)
        if task.num_to_read > WINDOW and not self._engine.compiles_each_shape:
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
        for row, task in enumerate(self._rows):
            try:
                self.num_tokens += task.receive(log_probs[row])
            except Exception:  # such as a log-probability that is NaN
                self._fail([task])
            else:
                self._keep(task, row)

    def _keep(self, task: TextTask, row: int) -> None:
        """Keep the state before the last token of a prompt, and that of a text at its end."""
        if task.position == len(task.read) - 1:
            self._prefixes.keep(task.read[:-1], self._batch.state_of(row))
        elif task.text is not None and task.is_complete:
            self._prefixes.keep([*task.read, *task.text.ids[:-1]], self._batch.state_of(row))

    def _arrange(self, rows: list[int], joining: Sequence[tuple[TextTask, State]] = ()) -> None:
        if len(rows) < len(self._rows) or joining:
            self._batch.change(rows, [state for _, state in joining])
            self._rows = [*(self._rows[row] for row in rows), *(task for task, _ in joining)]

    def _fail(self, tasks: Sequence[TextTask]) -> None:
        _LOG.exception("the engine failed; %d texts end with an error", len(tasks))
        for task in tasks:
            task.fail(ApiError(500, "the engine failed at this text; the log of the service says why", code="engine"))
