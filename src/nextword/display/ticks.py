"""Where the axes of a chart begin, end, and have their numbers."""

import math
from bisect import bisect_left
from collections.abc import Sequence

_MIN_RANGE = 1.2
_FAR_APART = 10.0
_MIN_TICKS = 2


def log_bounds(values: Sequence[float]) -> tuple[float, float]:
    """Return where a logarithmic axis of values begins and ends; it has some length even if all are equal."""
    low, high = min(values), max(values)
    missing = max(1.0, math.sqrt(_MIN_RANGE * low / high))
    return low / missing, high * missing


def log_ticks(low: float, high: float, count: int) -> list[float]:
    """Return round numbers between two others, in order, thinned to at most `count`; more digits if they are close.

    Example:
        >>> log_ticks(80, 1_200, 5), log_ticks(410, 490, 5)
        ([100, 200, 500, 1000], [420, 440, 460, 480])
    """
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    digits = (1, 2, 5) if high / low > _FAR_APART else (1, 1.5, 2, 3, 4, 5, 7)
    rounded = [digit * 10**power for power in range(first, last + 1) for digit in digits]
    ticks = [tick for tick in rounded if low <= tick <= high]
    if len(ticks) < _MIN_TICKS:
        ticks = _multiples(_round_step((high - low) / count), low, high)
    return ticks[:: max(1, math.ceil(len(ticks) / count))]


def even_ticks(low: float, high: float, count: int) -> list[float]:
    """Return the multiples of a round number between two others, at most `count`.

    Example:
        >>> even_ticks(0, 2.3, 4)
        [0, 1, 2]
    """
    return _multiples(_round_step((high - low) / (count - 1)), low, high)


def _multiples(step: float, low: float, high: float) -> list[float]:
    first, last = math.ceil(low / step * (1 - 1e-9)), math.floor(high / step * (1 + 1e-9))
    return [step * number for number in range(first, last + 1)]


def _round_step(minimum: float) -> float:
    """Return the smallest round number of at least `minimum`."""
    power = math.floor(math.log10(minimum))
    steps: list[float] = [digit * 10**exponent for exponent in (power, power + 1) for digit in (1, 2, 5)]
    return steps[bisect_left(steps, minimum * (1 - 1e-9))]
