r"""Gates: the weight of a part of a mixture follows the hidden state of the network.

After "Miss", a name of the last pages is worth more than after "very", and the hidden state $h_t$ knows which of them
was read. A gate $(g, b)$ adds to the logit of a weight $\lambda$,

$$\operatorname{logit} \lambda_t = \operatorname{logit} \lambda + g^\top h_t + b.$$

Source:
    Jordan and Jacobs (1994), "Hierarchical mixtures of experts and the EM algorithm".
"""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

_ROUNDS = 40
_PRECISION = 3.0  # of the slopes of a layer with one unit
_MIN_SCALE = 1e-3  # of a unit that hardly moves
_MAX_SHIFT = 30.0


def shifts_of(gate: Floats, hidden: Floats) -> Floats:
    r"""Return $g^\top h_t + b$ for a gate `(H + 1,)` and hidden states `(..., H)`; 0 for an empty gate `(0,)`.

    Each has the same bits in whatever company.
    """
    if not len(gate):
        return np.zeros(hidden.shape[:-1], np.float32)
    shifts: Floats = np.multiply(hidden, gate[:-1], order="C").sum(axis=-1) + gate[-1]
    return shifts


def gated(weight: float | Doubles, shift: ArrayLike) -> Doubles:
    r"""Return $\lambda_t$ for each $\lambda$ and shift; a weight of 0 stays 0."""
    odds = np.exp(np.minimum(np.maximum(np.asarray(shift, np.float64), -_MAX_SHIFT), _MAX_SHIFT))
    shifted: Doubles = weight * odds / (1 + weight * (odds - 1))
    return shifted


class MixedText(NamedTuple):
    """What a network, and parts that are mixed with it in turn, say of each token of a text."""

    hidden: Floats  # the hidden state before each token `(N, H)`
    own: Doubles  # its probability under the network `(N,)`
    weights: Doubles  # the weight of each part without a gate `(K, N)`
    others: Doubles  # the probability of the token under each part `(K, N)`

    def useful_gates(self, least: float) -> Floats:
        """Return a gate for each part `(K, H + 1)`; empty ones, `(K, 0)`, if the text is not predicted better by them.

        Each half of the text is predicted with the gates of the other half. The gain that counts is in nats a token.
        """
        half, none = len(self.own) // 2, np.zeros((len(self.weights), 0), np.float32)
        if not half:
            return none
        first, second = self.part(slice(half)), self.part(slice(half, None))
        gains = [test.log_prob(text.gates()) - test.log_prob(none) for text, test in ((first, second), (second, first))]
        return self.gates() if np.mean(gains) >= least else none

    def part(self, tokens: slice) -> Self:
        """Return some of the tokens."""
        return type(self)(self.hidden[tokens], self.own[tokens], self.weights[:, tokens], self.others[:, tokens])

    def log_prob(self, gates: Floats) -> float:
        """Return the mean log-probability per token with a gate for each part."""
        weights = gated(self.weights, np.stack([shifts_of(gate, self.hidden) for gate in gates]))
        return float(np.log(self._mixed(weights)[-1]).mean())

    def gates(self) -> Floats:
        r"""Return the gates `(K, H + 1)` that the text makes most probable, if each slope is normal around 0.

        With the deviation of each unit as the unit of its slope, the variance of a slope is $1 / (3 H)$. Expectation
        maximization: the origin of each token under the gates so far makes a logistic regression for each part. Its
        curvature is at most a quarter of the second moments of the inputs, and with steps by this bound the probability
        never falls.

        Source:
            Böhning and Lindsay (1988), "Monotonicity of quadratic-approximation algorithms".
        """
        mean, scale = self.hidden.mean(axis=0), self.hidden.std(axis=0) + _MIN_SCALE
        inputs = np.column_stack(((self.hidden - mean) / scale, np.ones(len(self.own), np.float32)))
        precision = np.append(np.full(len(mean), _PRECISION * len(mean)), 0.0)
        inverse = np.linalg.inv(inputs.T @ inputs / 4 + np.diag(precision))
        gates = np.zeros((len(self.weights), len(precision)))
        for _ in range(_ROUNDS):
            residuals = self._residuals(gated(self.weights, gates.astype(np.float32) @ inputs.T))
            gates += (residuals.astype(np.float32) @ inputs - precision * gates) @ inverse
        slopes = gates[:, :-1] / scale
        return np.column_stack((slopes, gates[:, -1] - slopes @ mean)).astype(np.float32)

    def _residuals(self, weights: Doubles) -> Doubles:
        """Return how far the responsibility of each part for each token is above its weight `(K, N)`.

        A part is mixed in before the later ones, so at each token it counts by what is left over by them.
        """
        residuals, remaining = list[Doubles](), np.ones(len(self.own))
        for weight, other, mixed in zip(weights[::-1], self.others[::-1], self._mixed(weights)[:0:-1], strict=True):
            responsibility = weight * other / mixed
            residuals.append(remaining * (responsibility - weight))
            remaining = remaining * (1 - responsibility)
        return np.stack(residuals[::-1])

    def _mixed(self, weights: Doubles) -> list[Doubles]:
        """Return the probability of each token under the network, and after each part is mixed in `(K + 1, N)`."""
        mixed = [self.own]
        for weight, other in zip(weights, self.others, strict=True):
            mixed.append((1 - weight) * mixed[-1] + weight * other)
        return mixed
