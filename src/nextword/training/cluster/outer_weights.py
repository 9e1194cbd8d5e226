"""The weights that processes with local steps share, and the step that moves them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from nextword.disk.files import write_file
from nextword.errors import CheckpointError

Weights = Mapping[str, NDArray[np.float32]]

_LEARNING_RATE, _MOMENTUM = 0.7, 0.5
_ROUND, _OUTER = "round", "momentum/"


@dataclass(frozen=True)
class OuterWeights:
    r"""The shared weights after some rounds, moved by Nesterov's method along the mean change of the processes.

    With $w$ before the round and $w_p$ after the local steps of process $p$:

    $$g = \frac{1}{P} \sum_p (w - w_p), \quad m \leftarrow \mu m + g, \quad w \leftarrow w - \eta (g + \mu m)$$

    Attributes:
        weights: $w$, by name.
        momentum: $m$, by name.
        num_rounds: Number of steps so far.

    Source:
        Douillard et al. (2023), "DiLoCo: Distributed Low-Communication Training of Language Models", algorithm 1; the
        rate $\eta = 0.7$ is theirs. Their $\mu = 0.9$ needs hundreds of rounds; we take 0.5.

    Example:
        >>> start = OuterWeights.of({"bias": np.zeros(1, np.float32)})
        >>> moved = start.after([{"bias": np.array([1.0], np.float32)}, {"bias": np.array([3.0], np.float32)}])
        >>> f"{moved.weights['bias'][0]:.2f}", moved.num_rounds
        ('2.10', 1)
    """

    weights: Weights
    momentum: Weights
    num_rounds: int

    @classmethod
    def of(cls, weights: Weights) -> Self:
        """Return the weights before the first round."""
        return cls(weights, {name: np.zeros_like(weight) for name, weight in weights.items()}, 0)

    def after(self, local: Sequence[Weights]) -> "OuterWeights":
        """Return the weights after a round, from those of each process after its local steps."""
        weights, momentum = {}, {}
        for name, weight in self.weights.items():
            change = np.mean([weight - own[name] for own in local], axis=0, dtype=np.float32)
            momentum[name] = _MOMENTUM * self.momentum[name] + change
            weights[name] = (weight - _LEARNING_RATE * (change + _MOMENTUM * momentum[name])).astype(np.float32)
        return OuterWeights(weights, momentum, self.num_rounds + 1)

    def write(self, path: Path) -> None:
        """Write the weights to a file, which is replaced in one step.

        Raises:
            StorageError: The file cannot be written.
        """
        arrays: dict[str, NDArray[Any]] = {
            **self.weights,
            **{_OUTER + name: value for name, value in self.momentum.items()},
        }
        write_file(path, safetensors.numpy.save(arrays, {_ROUND: str(self.num_rounds)}))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what `write` has written.

        Raises:
            CheckpointError: The file is missing or damaged.
        """
        try:
            with safe_open(path, "np") as file:
                num_rounds = int(file.metadata()[_ROUND])
            arrays = safetensors.numpy.load_file(path)
            weights = {name: value for name, value in arrays.items() if not name.startswith(_OUTER)}
            return cls(weights, {name: arrays[_OUTER + name] for name in weights}, num_rounds)
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"`{path}` must hold the shared weights of a run, but does not ({error!r:.200}); train in another"
            ) from error
