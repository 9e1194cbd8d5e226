"""A matrix in eight bits, as the page multiplies by it."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nextword.errors import ExportError

MOST_STEPS = 127


@dataclass(frozen=True, eq=False)
class PackedMatrix:
    """A matrix of `O` rows, one for each output of the product: each row of steps, times its scale.

    Attributes:
        steps: Whole numbers `(O, I)`, int8.
        scales: The size of a step, for each row `(O,)` or for all `(1,)`, float32.
    """

    steps: NDArray[np.int8]
    scales: NDArray[np.float32]

    @classmethod
    def rounded(cls, rows: NDArray[np.float32]) -> Self:
        """Return a matrix `(O, I)` with each row rounded to 127 steps in both directions.

        Example:
            >>> PackedMatrix.rounded(np.array([[1.0, -0.5], [0.0, 0.0]], np.float32)).steps.tolist()
            [[127, -64], [0, 0]]
        """
        most = np.abs(rows).max(axis=1)
        scales = (most / MOST_STEPS).astype(np.float32)
        divisors = np.where(scales > 0, scales, np.float32(1))
        steps = np.clip(np.rint(rows / divisors[:, None]), -MOST_STEPS, MOST_STEPS)
        return cls(np.ascontiguousarray(steps, np.int8), scales)

    @classmethod
    def of_steps(
        cls, steps: NDArray[np.integer], scales: NDArray[np.float32], zero_points: NDArray[np.integer]
    ) -> Self:
        """Return the matrix of steps `(O, I)` whose zero is another number, for each row or for all.

        Raises:
            ExportError: A step does not fit into eight bits without that number.
        """
        centered = steps.astype(np.int16) - zero_points.astype(np.int16).reshape(-1, 1)
        if centered.size and max(-int(centered.min()), int(centered.max())) > MOST_STEPS:
            raise ExportError(
                f"a matrix of the model must have steps from -{MOST_STEPS} to {MOST_STEPS} around its zero, but has "
                "larger ones; export the model again"
            )
        return cls(np.ascontiguousarray(centered, np.int8), scales)

    @property
    def num_bytes(self) -> int:
        """Bytes of steps and scales."""
        return self.steps.nbytes + self.scales.nbytes

    def to_floats(self) -> NDArray[np.float32]:
        """Return the numbers `(O, I)` that the page computes with."""
        return self.steps.astype(np.float32) * self.scales[:, None]
