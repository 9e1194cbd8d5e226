"""What a window is, and what every way of cutting windows offers."""

from abc import ABC, abstractmethod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.errors import SettingError

TokenIds = NDArray[np.int32]


class Window(NamedTuple):
    """One step's worth of training data, of `B` rows and `T` time steps.

    Attributes:
        inputs: Token ids `(B, T)`, int32.
        targets: The token that follows each input, `(B, T)`, int32.
        weights: 1 if a target counts and 0 if it is padding or burn-in, `(B, T)`, float32.
        reset: Rows whose carried state is cleared before the window, `(B,)`, bool.
    """

    inputs: TokenIds
    targets: TokenIds
    weights: NDArray[np.float32]
    reset: NDArray[np.bool_]


class Windows(ABC):
    """An endless sequence of windows, addressed by the number of steps taken since training began.

    A window depends on its step alone, so that a resumed run continues exactly where it stopped.

    Attributes:
        batch_size: Number of rows in every window.
        num_steps: Number of time steps in every window; roughly, if lengths vary.
        steps_per_epoch: Number of windows that read the text once.
    """

    batch_size: int
    num_steps: int
    steps_per_epoch: int

    @abstractmethod
    def window(self, step: int) -> Window:
        """Return the window of training step `step`, counted from 0."""

    def relative_lengths(self, num_windows: int) -> NDArray[np.float32] | None:  # noqa: ARG002
        """Return the lengths of the first windows over `num_steps`; `None` if all are 1."""
        return None


def require_tokens(num_tokens: int, at_least: int, what: str) -> None:
    """Raise if a text is too short to be cut."""
    if num_tokens < at_least:
        raise SettingError(
            f"{what} needs at least {at_least} tokens, but the text has {num_tokens}; "
            f"give more text, or a smaller `batch_size` or `num_steps`"
        )
