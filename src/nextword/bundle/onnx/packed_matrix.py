"""A matrix in eight bits, as the page multiplies by it."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nextword.errors import ExportError

MAX_STEPS = 127

_UNSIGNED = 128
"""The difference between unsigned steps and those that are stored."""


@dataclass(frozen=True, eq=False)
class PackedMatrix:
    """A matrix of `O` rows, one for each output of the product: each row of steps from zero, times its scale.

    Attributes:
        steps: Whole numbers `(O, I)`, int8.
        scales: The size of a step, for each row `(O,)` or for all `(1,)`, float32.
        zero: The step that stands for zero.
    """

    steps: NDArray[np.int8]
    scales: NDArray[np.float32]
    zero: int = 0

    @classmethod
    def rounded(cls, rows: NDArray[np.float32]) -> Self:
        """Return a matrix `(O, I)` with each row rounded to 127 steps in both directions.

        Example:
            >>> PackedMatrix.rounded(np.array([[1.0, -0.5], [0.0, 0.0]], np.float32)).steps.tolist()
            [[127, -64], [0, 0]]
        """
        most = np.abs(rows).max(axis=1)
        scales = (most / MAX_STEPS).astype(np.float32)
        divisors = np.where(scales > 0, scales, np.float32(1))
        steps = np.clip(np.rint(rows / divisors[:, None]), -MAX_STEPS, MAX_STEPS)
        return cls(np.ascontiguousarray(steps, np.int8), scales)

    @classmethod
    def of_steps(
        cls, steps: NDArray[np.integer], scales: NDArray[np.float32], zero_points: NDArray[np.integer]
    ) -> Self:
        """Return the matrix of steps `(O, I)` in eight bits whose zero is another number, for each row or for all.

        Raises:
            ExportError: Rows have different zeros.
        """
        if (zero_points != zero_points[0]).any():
            raise ExportError("the rows of a matrix must have the same zero, but have others; export the model again")
        shift = _UNSIGNED if steps.dtype == np.uint8 else 0
        moved = steps.astype(np.int16) - shift
        return cls(np.ascontiguousarray(moved, np.int8), scales, int(zero_points[0]) - shift)

    @property
    def num_bytes(self) -> int:
        """Bytes of steps and scales."""
        return self.steps.nbytes + self.scales.nbytes

    def to_floats(self) -> NDArray[np.float32]:
        """Return the numbers `(O, I)` that the page computes with."""
        return (self.steps.astype(np.float32) - np.float32(self.zero)) * self.scales[:, None]
