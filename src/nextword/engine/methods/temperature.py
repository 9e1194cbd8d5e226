"""Temperature scaling of an engine."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar, override

import numpy as np
from numpy.typing import NDArray

from nextword.engine.distribution_engine import OuterEngine
from nextword.engine.engine import Engine, State, WindowPrediction
from nextword.engine.methods.method import AppliedMethod, Method, Splits
from nextword.engine.stream import predicted_windows
from nextword.settings import Settings, setting
from nextword.text.batching.window import TokenIds

_MAX_STEPS = 8
_CLOSE = 0.02  # Newton's method converges quadratically: after a step this short, the error is below 0.001


@dataclass(frozen=True, kw_only=True)
class TemperatureOptions(Settings):
    """The settings of temperature scaling.

    Example:
        >>> import nextword
        >>> model, text = nextword.load("austen", method="static"), "She was very much obliged. " * 20
        >>> bold = model.evaluate(text, methods=nextword.TemperatureOptions(temperature=0.9))
        >>> bold.perplexity < model.perplexity(text)
        True
    """

    group: ClassVar[str] = "temperature"
    task: ClassVar[str] = "method"

    temperature: float = setting(
        1.0,
        help="temperature: divides all log-probabilities. Below 1 predictions become bolder.",
        at_least=0.01,
        at_most=100.0,
    )


class TemperatureEngine(OuterEngine):
    r"""Divides the logits of an engine by a temperature $\tau$ and normalizes: $p_\tau(w) \propto p(w)^{1/\tau}$.

    Args:
        engine: Any engine.
        options: The temperature.

    Example:
        >>> import nextword
        >>> TemperatureEngine(nextword.load("austen").engine, TemperatureOptions(temperature=0.9)).vocabulary_size
        9878
    """

    def __init__(self, engine: Engine, options: TemperatureOptions) -> None:
        super().__init__(engine)
        self._options = options

    @override
    def predict_window(self, inputs: TokenIds, state: State) -> tuple[WindowPrediction, State]:
        prediction, state = self._engine.predict_window(inputs, state)
        scaled = prediction.log_probs / np.float32(self._options.temperature)
        scaled -= log_sum_exp(scaled)[..., None]
        return prediction._replace(log_probs=scaled), state


def log_sum_exp(log_weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the log-sum-exp along the last axis of `(..., V)`."""
    highest = log_weights.max(axis=-1, keepdims=True)
    total: NDArray[np.float32] = np.log(np.exp(log_weights - highest).sum(axis=-1)) + highest[..., 0]
    return total


class Temperature(Method[TemperatureOptions]):
    """Temperature scaling; the temperature is tuned with Newton's method."""

    name = "temperature"
    options_type: ClassVar[type[Settings]] = TemperatureOptions
    tunable = ("temperature",)

    def apply(
        self, engine: Engine, options: TemperatureOptions, splits: Splits, to_tune: Collection[str]
    ) -> AppliedMethod[TemperatureOptions]:
        """Wrap `engine` in a `TemperatureEngine`."""
        if to_tune:
            options = options.replace(temperature=round(best_temperature(engine, splits.valid()), 3))
        return AppliedMethod(TemperatureEngine(engine, options), options)


def best_temperature(engine: Engine, ids: TokenIds) -> float:
    r"""Return the temperature from 0.1 to 10 that maximizes the probability of a text.

    With $z = \ln p$ and $\beta = 1 / \tau$, $\ln p_\tau(w) = \beta z_w - \ln \sum_v e^{\beta z_v}$ is concave in
    $\beta$. Its first derivative is $z_w - \operatorname{E} z$ and its second $-\operatorname{Var} z$, under $p_\tau$.
    """
    beta = 1.0
    for _ in range(_MAX_STEPS):
        slope, curvature = _derivatives(engine, ids, beta)
        if not curvature > 0:  # uniform: the temperature has no effect
            break
        former, beta = beta, float(np.clip(beta + slope / curvature, max(beta / 2, 0.1), min(beta * 2, 10.0)))
        if abs(beta - former) < _CLOSE * former:
            break
    return 1 / beta


def _derivatives(engine: Engine, ids: TokenIds, beta: float) -> tuple[float, float]:
    slope = curvature = 0.0
    for window in predicted_windows(engine, ids[None]):
        z = np.maximum(window.prediction.log_probs[0], np.float32(-1e4))  # (T, V), finite
        scaled = np.float32(beta) * z
        probabilities = np.exp(scaled - log_sum_exp(scaled)[:, None])
        mean = np.einsum("tv,tv->t", probabilities, z)
        square = np.einsum("tv,tv,tv->t", probabilities, z, z)
        actual = np.take_along_axis(z, window.targets[0, :, None], axis=1)[:, 0]
        slope += float((actual - mean).sum(dtype=np.float64))
        curvature += float((square - mean**2).sum(dtype=np.float64))
    return slope, curvature
