"""The training loss over stretches of steps within a round, read without making the device wait."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

OnStretch = Callable[[int, float, float], object]
"""Receives the steps of the round up to the end of a stretch, the perplexity over it, and its steps per second."""

_MAX_STRETCHES = 50
_MIN_STRETCHES = 4
_MIN_STEPS = 4
_MAX_LOSS = 700.0
"""Loss whose exponential is still a number."""


def stretch_ends(round_number: int, num_steps: int) -> list[int]:
    """Return the last step of each stretch of a round, counted from 1.

    The loss changes fastest at the beginning, so the first round has up to 50 stretches, the second 25, the third 16.
    Every round has at least 4, if a stretch then has at least 4 steps.

    Args:
        round_number: Number of the round, from 1.
        num_steps: Its steps.

    Example:
        >>> stretch_ends(1, 12), stretch_ends(20, 1_000)
        ([4, 8, 12], [250, 500, 750, 1000])
    """
    wanted = max(_MIN_STRETCHES, _MAX_STRETCHES // round_number)
    count = max(1, min(wanted, num_steps // _MIN_STEPS))
    return [num_steps * number // count for number in range(1, count + 1)]


class Stretches:
    """Measures the perplexity and the speed of stretches of steps in one round.

    The metric of the loss is a mean over the round so far. It is kept as the device returns it when a stretch ends, and
    read when a later step is known to be done, so that no step waits for it. The time of a step between two known ones
    is interpolated.

    Args:
        ends: The last step of each stretch, counted from 1.
        on_end: Called for each stretch, in order.
    """

    def __init__(self, ends: Sequence[int], on_end: OnStretch) -> None:
        self._ends = ends
        self._on_end = on_end
        self._counts: NDArray[np.float64] = np.ones(max(ends))
        self._kept: list[tuple[int, Any]] = []
        self._next = 0
        self._known: list[tuple[int, float]] = []
        self._before = (0, 0.0)

    def begin(self, counts: NDArray[np.float64], now: float) -> None:
        """Begin the round.

        Args:
            counts: Number of counted tokens of each step; may be filled in until the step is taken.
            now: The time in seconds.
        """
        self._counts = counts
        self._known = [(0, now)]

    def after_step(self, steps_done: int, perplexity: Any) -> None:
        """Keep the perplexity of the round so far if a stretch ends here; it is not read."""
        if self._next < len(self._ends) and steps_done == self._ends[self._next]:
            self._kept.append((steps_done, perplexity))
            self._next += 1

    def after_report(self, steps_done: int, now: float) -> None:
        """Report the stretches up to a step that is known to be done since `now`."""
        self._known.append((steps_done, now))
        kept, self._kept = self._kept, []
        for step, perplexity in kept:
            self._end_stretch(step, float(perplexity))

    def _end_stretch(self, step: int, perplexity: float) -> None:
        before, loss_before = self._before
        count = float(self._counts[before:step].sum())
        if not math.isfinite(perplexity) or not count:
            return  # the run stops, or the next stretch has these steps too
        loss = math.log(perplexity) * float(self._counts[:step].sum())
        mean = (loss - loss_before) / count
        if mean > _MAX_LOSS:  # the loss explodes, and the mean over the round so far hides it
            return
        self._before = (step, loss)
        self._on_end(step, math.exp(mean), self._steps_per_second(before, step))

    def _steps_per_second(self, before: int, step: int) -> float:
        first = max(before, 1) if step > 1 else 0  # the first step of a round may compile
        steps, times = zip(*self._known, strict=True)
        began, ended = np.interp((first, step), steps, times)
        return (step - first) / max(float(ended - began), 1e-9)
