"""Windows of training data and their interface."""

from abc import ABC, abstractmethod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.errors import SettingError

TokenIds = NDArray[np.int32]


class Window(NamedTuple):
    """The data of one training step: `B` rows of `T` time steps.

    Attributes:
        inputs: Token ids `(B, T)`, int32.
        targets: Token that follows each input `(B, T)`, int32.
        weights: 1 for a target, 0 for padding and burn-in `(B, T)`, float32.
        reset: Rows whose carried state is cleared before the window `(B,)`, bool.
    """

    inputs: TokenIds
    targets: TokenIds
    weights: NDArray[np.float32]
    reset: NDArray[np.bool_]


class Windows(ABC):
    """An infinite sequence of windows, indexed by training step.

    A window depends only on its step, so a resumed run continues exactly where it stopped.

    Attributes:
        batch_size: Number of rows in every window.
        num_steps: Number of time steps in every window; approximate for variable lengths.
        steps_per_epoch: Number of windows that read the text once.
    """

    batch_size: int
    num_steps: int
    steps_per_epoch: int

    @property
    def words_per_step(self) -> int:
        """Number of tokens in a window; of all processes if they share it."""
        return self.batch_size * self.num_steps

    @abstractmethod
    def window(self, step: int) -> Window:
        """Return the window of training step `step`, counted from 0."""

    def relative_lengths(self, num_windows: int) -> NDArray[np.float32] | None:  # noqa: ARG002
        """Return the lengths of the first windows, divided by `num_steps`; `None` if all are 1."""
        return None


def require_tokens(num_tokens: int, at_least: int, what: str) -> None:
    """Raise a `SettingError` if the text is too short for `what`."""
    if num_tokens < at_least:
        raise SettingError(
            f"{what} needs at least {at_least} tokens, but the text has {num_tokens}; "
            f"use a longer text, or a smaller `batch_size` or `num_steps`"
        )
