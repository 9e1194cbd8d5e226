"""A text that the scheduler works on, and the way of its tokens from the engine's thread to the event loop."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.inference.generation.generated_text import Ending
from nextword.inference.generation.writers import SampledText
from nextword.inference.highest import highest_first

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
