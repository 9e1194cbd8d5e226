"""Softmax temperature, found by Newton's method."""

from collections.abc import Collection
from typing import ClassVar

import numpy as np

from nextword.batching.window import TokenIds
from nextword.engine.engine import Engine
from nextword.engine.temperature_engine import TemperatureEngine, TemperatureOptions, log_totals
from nextword.evaluation.reading import predicted_windows
from nextword.methods.method import Applied, Method, Splits
from nextword.settings import Settings

_MOST_STEPS = 8
_CLOSE = 0.02  # Newton's steps square the distance: after one that is as short as this, what is left is below 0.001


class Temperature(Method[TemperatureOptions]):
    """All logits divided by one number."""

    name = "temperature"
    kind: ClassVar[type[Settings]] = TemperatureOptions
    tunable = ("temperature",)

    def apply(
        self, engine: Engine, options: TemperatureOptions, splits: Splits, to_tune: Collection[str]
    ) -> Applied[TemperatureOptions]:
        """Put a `TemperatureEngine` around `engine`."""
        if to_tune:
            options = options.replace(temperature=round(best_temperature(engine, splits.valid()), 3))
        return Applied(TemperatureEngine(engine, options), options)


def best_temperature(engine: Engine, ids: TokenIds) -> float:
    r"""Return the temperature under which a text is most probable, from 0.1 to 10.

    With $z = \ln p$ and $\beta = 1 / \tau$, $\ln p_\tau(w) = \beta z_w - \ln \sum_v e^{\beta z_v}$ is concave in
    $\beta$; its slope is $z_w - \operatorname{E} z$ and its curvature $-\operatorname{Var} z$, under $p_\tau$.
    """
    beta = 1.0
    for _ in range(_MOST_STEPS):
        slope, curvature = _derivatives(engine, ids, beta)
        if not curvature > 0:  # uniform: every temperature is as good
            break
        former, beta = beta, float(np.clip(beta + slope / curvature, max(beta / 2, 0.1), min(beta * 2, 10.0)))
        if abs(beta - former) < _CLOSE * former:
            break
    return 1 / beta


def _derivatives(engine: Engine, ids: TokenIds, beta: float) -> tuple[float, float]:
    slope = curvature = 0.0
    for window in predicted_windows(engine, ids):
        z = np.maximum(window.prediction.log_probs[0], np.float32(-1e4))  # (T, V); no token is impossible
        scaled = np.float32(beta) * z
        probabilities = np.exp(scaled - log_totals(scaled)[:, None])
        mean = np.einsum("tv,tv->t", probabilities, z)
        square = np.einsum("tv,tv,tv->t", probabilities, z, z)
        actual = np.take_along_axis(z, window.targets[0, :, None], axis=1)[:, 0]
        slope += float((actual - mean).sum(dtype=np.float64))
        curvature += float((square - mean**2).sum(dtype=np.float64))
    return slope, curvature
